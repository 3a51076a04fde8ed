// The 16550 UART (National Semiconductor PC16550D). `Bus` has in(register) and out(register, value).
#pragma once

#include <algorithm>
#include <cstdint>

namespace ant::console {

namespace uart {
namespace reg {                                 // offsets from the base port
inline constexpr std::uint8_t data = 0;         // receive buffer, transmit holding register
inline constexpr std::uint8_t divisor_low = 0;  // while line_control has divisor_latch
inline constexpr std::uint8_t interrupt_enable = 1;
inline constexpr std::uint8_t divisor_high = 1;
inline constexpr std::uint8_t interrupt_id = 2;  // read
inline constexpr std::uint8_t fifo_control = 2;  // write
inline constexpr std::uint8_t line_control = 3;
inline constexpr std::uint8_t modem_control = 4;
inline constexpr std::uint8_t line_status = 5;
inline constexpr std::uint8_t modem_status = 6;
inline constexpr std::uint8_t scratch = 7;
}  // namespace reg
namespace enable {
inline constexpr std::uint8_t received = 1, transmitter_empty = 2, line_status = 4;
}
namespace line {
inline constexpr std::uint8_t data_ready = 1, overrun = 2, parity = 4, framing = 8, broken = 0x10, transmitter_empty = 0x20;
inline constexpr std::uint8_t not_data = parity | framing | broken;
inline constexpr std::uint8_t eight_bits = 3, divisor_latch = 0x80;
}  // namespace line
namespace modem {
inline constexpr std::uint8_t ready = 1, request_to_send = 2, interrupts = 8;  // OUT2 gates the interrupt line of a PC
}
namespace fifo {
inline constexpr std::uint8_t enable = 1, level_8 = 0x80;
inline constexpr unsigned depth = 16;
}  // namespace fifo
inline constexpr std::uint8_t divisor = 1;  // 115,200 baud
inline constexpr std::uint8_t absent = 0xff;
}  // namespace uart

template <class Bus>
class Uart {
public:
    explicit constexpr Uart(Bus bus = {}) : bus_{bus} {}

    // Nothing there reads as all ones; the scratch register remembers what is written.
    [[nodiscard]] bool present() {
        for (const std::uint8_t pattern : {0x55, 0xaa}) {
            bus_.out(uart::reg::scratch, pattern);
            if (bus_.in(uart::reg::scratch) != pattern) return false;
        }
        return bus_.in(uart::reg::line_status) != uart::absent;
    }

    // 115,200 baud, 8N1, FIFOs on, no interrupts yet. What the FIFOs hold stays: the core's last line is still
    // going out, and somebody may already be typing.
    void initialise() {
        using namespace uart;
        bus_.out(reg::interrupt_enable, 0);
        bus_.out(reg::line_control, line::divisor_latch);
        bus_.out(reg::divisor_low, divisor);
        bus_.out(reg::divisor_high, 0);
        bus_.out(reg::line_control, line::eight_bits);
        bus_.out(reg::fifo_control, fifo::enable | fifo::level_8);
        bus_.out(reg::modem_control, modem::ready | modem::request_to_send | modem::interrupts);
    }

    // Moves what can be moved either way, then arms the interrupts for the rest.
    // Output: empty(), front(), drop(1). Input: full(), put(byte).
    template <class Output, class Input>
    void service(Output& output, Input& input) {
        receive(input);
        transmit(output);
        arm(!output.empty(), input.full());
    }

    // Bytes lost because they came faster than they were taken.
    [[nodiscard]] std::uint64_t overruns() const { return overruns_; }

private:
    // A device that never ends (or is gone and reads as all ones) must not hold the driver.
    static constexpr unsigned most_received = 1024;
    static constexpr unsigned most_sent = 512;

    template <class Input>
    void receive(Input& input) {
        for (unsigned i = 0; i < most_received && !input.full(); ++i) {
            const std::uint8_t status = bus_.in(uart::reg::line_status);
            if ((status & uart::line::overrun) != 0) ++overruns_;
            if ((status & uart::line::data_ready) == 0) return;
            const std::uint8_t byte = bus_.in(uart::reg::data);
            if ((status & uart::line::not_data) == 0) input.put(static_cast<char>(byte));
        }
    }

    template <class Output>
    void transmit(Output& output) {
        for (unsigned sent = 0; sent < most_sent && !output.empty(); sent += uart::fifo::depth) {
            if ((bus_.in(uart::reg::line_status)&uart::line::transmitter_empty) == 0) return;
            for (unsigned i = 0; i < uart::fifo::depth && !output.empty(); ++i) {
                bus_.out(uart::reg::data, static_cast<std::uint8_t>(output.front()));
                output.drop(1);
            }
        }
    }

    // The line is edge-triggered: writing 0 first makes a new edge of whatever is still pending.
    void arm(bool to_send, bool input_full) {
        using namespace uart;
        (void)bus_.in(reg::interrupt_id);
        (void)bus_.in(reg::modem_status);
        bus_.out(reg::interrupt_enable, 0);
        std::uint8_t wanted = 0;
        if (!input_full) wanted |= enable::received | enable::line_status;
        if (to_send) wanted |= enable::transmitter_empty;
        bus_.out(reg::interrupt_enable, wanted);
        const std::uint8_t flow = input_full ? 0 : modem::request_to_send;
        bus_.out(reg::modem_control, modem::ready | modem::interrupts | flow);
    }

    Bus bus_;
    std::uint64_t overruns_ = 0;
};

}  // namespace ant::console
