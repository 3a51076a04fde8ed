// The console: text goes to the serial line and the screen, input comes from the serial line and the keyboard.
#pragma once

#include "display.hpp"
#include "journal.hpp"
#include "ports.hpp"
#include "ps2.hpp"
#include "state.hpp"
#include "uart.hpp"

#include <ant/server.hpp>
#include <ant/interface/console.hpp>

#include <optional>

namespace ant::console {

class Console {
public:
    // A fresh console, with areas of its own.
    void start();
    // Goes on where the console before stood, after a planned replacement.
    void adopt(const sys::State& registered);
    // The same after a failure: what was in work then is finished or undone. The core delivers the calls again.
    void recover(const sys::State& registered);

    Outcome write(Call call);
    Outcome read(Call call);
    Outcome interrupt(Call call);
    Outcome size(Call call) const;

    // Between two calls: moves bytes, answers who waits. -> longest time until the next one, in microseconds
    std::uint64_t work();

private:
    void create();
    void open_display();
    void open_devices();
    void serve_keyboard();
    void type(char byte);
    bool admit(Call call);
    void admit_writers();
    void answer_readers();
    void cancel_readers();
    void answer_interrupts(Error error);
    void withdraw_interrupts(std::uint32_t requester);

    std::optional<Journal> journal_;
    State* state_ = nullptr;
    Uart<PortBus<com1>> uart_;
    Ps2<PortBus<keyboard_data>> keyboard_;
    Display display_;
    bool to_paint_ = false;
};

}  // namespace ant::console
