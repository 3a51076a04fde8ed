// The keyboard side of the PC's keyboard controller (8042). `Bus` has in(port) and out(port, value).
#pragma once

#include <cstdint>
#include <optional>

namespace ant::console {

namespace ps2 {
inline constexpr std::uint8_t data = 0, control = 4;  // ports, from the base 0x60
inline constexpr std::uint8_t output_full = 1, input_full = 2, from_mouse = 0x20, absent = 0xff;
inline constexpr std::uint8_t read_configuration = 0x20, write_configuration = 0x60, enable_keyboard = 0xae;
inline constexpr std::uint8_t keyboard_interrupt = 1, keyboard_disabled = 0x10, translate = 0x40;
}  // namespace ps2

template <class Bus>
class Ps2 {
public:
    explicit constexpr Ps2(Bus bus = {}) : bus_{bus} {}

    // Interrupts on, translation to scan code set 1 on. false: there is no controller.
    bool initialise() {
        if (bus_.in(ps2::control) == ps2::absent) return false;
        discard();
        if (!command(ps2::enable_keyboard) || !command(ps2::read_configuration)) return false;
        const auto configuration = answer();
        if (!configuration) return false;
        const auto wanted = (*configuration | ps2::keyboard_interrupt | ps2::translate) & ~ps2::keyboard_disabled;
        return command(ps2::write_configuration) && send(static_cast<std::uint8_t>(wanted));
    }

    // The next byte from the keyboard. Bytes of a mouse are thrown away.
    std::optional<std::uint8_t> read() {
        for (unsigned i = 0; i < most_mouse_bytes; ++i) {
            const std::uint8_t status = bus_.in(ps2::control);
            if (status == ps2::absent || (status & ps2::output_full) == 0) return std::nullopt;
            const std::uint8_t byte = bus_.in(ps2::data);
            if ((status & ps2::from_mouse) == 0) return byte;
        }
        return std::nullopt;
    }

private:
    static constexpr unsigned most_mouse_bytes = 64;
    static constexpr unsigned patience = 10'000;  // reads of a port, about a microsecond each

    bool wait_for(std::uint8_t mask, std::uint8_t value) {
        for (unsigned i = 0; i < patience; ++i)
            if ((bus_.in(ps2::control)&mask) == value) return true;
        return false;
    }
    void discard() {
        for (unsigned i = 0; i < most_mouse_bytes && (bus_.in(ps2::control)&ps2::output_full) != 0; ++i) (void)bus_.in(ps2::data);
    }
    bool command(std::uint8_t value) {
        if (!wait_for(ps2::input_full, 0)) return false;
        bus_.out(ps2::control, value);
        return true;
    }
    bool send(std::uint8_t value) {
        if (!wait_for(ps2::input_full, 0)) return false;
        bus_.out(ps2::data, value);
        return true;
    }
    std::optional<std::uint8_t> answer() {
        if (!wait_for(ps2::output_full, ps2::output_full)) return std::nullopt;
        return bus_.in(ps2::data);
    }

    Bus bus_;
};

}  // namespace ant::console
