#include <drivers/console/uart.hpp>
#include <drivers/console/ps2.hpp>

#include <catch2/catch.hpp>

#include <deque>
#include <string>

namespace {

namespace uart = ant::console::uart;

// As much of a 16550 as the driver sees.
struct Chip {
    std::uint8_t registers[8] = {};
    std::deque<char> receive;
    std::string line;    // what has left the transmitter
    unsigned fifo = 0;   // bytes in the transmit FIFO
    bool drains = true;  // the transmitter is infinitely fast
    bool overrun = false;
    bool gone = false;
    unsigned overfilled = 0;

    std::uint8_t in(std::uint8_t reg) {
        if (gone) return 0xff;
        if (reg == uart::reg::data) {
            if (receive.empty()) return 0;
            const char c = receive.front();
            receive.pop_front();
            return static_cast<std::uint8_t>(c);
        }
        if (reg == uart::reg::line_status) {
            std::uint8_t status = receive.empty() ? 0 : uart::line::data_ready;
            if (overrun) status |= uart::line::overrun;
            overrun = false;  // reading clears it
            if (drains) fifo = 0;
            if (fifo == 0) status |= uart::line::transmitter_empty;
            return status;
        }
        return registers[reg];
    }
    void out(std::uint8_t reg, std::uint8_t value) {
        if (reg == uart::reg::data && (registers[uart::reg::line_control] & uart::line::divisor_latch) == 0) {
            if (fifo == uart::fifo::depth) ++overfilled;
            ++fifo;
            line += static_cast<char>(value);
            return;
        }
        registers[reg] = value;
    }
};

struct Bus {
    Chip* chip = nullptr;
    std::uint8_t in(std::uint8_t reg) const { return chip->in(reg); }
    void out(std::uint8_t reg, std::uint8_t value) const { chip->out(reg, value); }
};

struct Output {
    std::string text;
    [[nodiscard]] bool empty() const { return text.empty(); }
    [[nodiscard]] char front() const { return text.front(); }
    void drop(unsigned n) { text.erase(0, n); }
};
struct Input {
    std::string text;
    std::size_t capacity = 1000;
    [[nodiscard]] bool full() const { return text.size() >= capacity; }
    void put(char c) { text += c; }
};

}  // namespace

TEST_CASE("a missing UART is noticed", "[uart]") {
    Chip chip;
    CHECK(ant::console::Uart{Bus{&chip}}.present());
    chip.gone = true;
    CHECK_FALSE(ant::console::Uart{Bus{&chip}}.present());
}

TEST_CASE("at most a FIFO of bytes is written at a time, the interrupt asks for more", "[uart]") {
    Chip chip;
    chip.drains = false;
    ant::console::Uart driver{Bus{&chip}};
    driver.initialise();
    Output output{std::string(40, 'x')};
    Input input;
    driver.service(output, input);
    CHECK(chip.line.size() == 16);
    CHECK((chip.registers[uart::reg::interrupt_enable] & uart::enable::transmitter_empty) != 0);
    driver.service(output, input);
    CHECK(chip.line.size() == 16);
    chip.fifo = 0;
    driver.service(output, input);
    chip.fifo = 0;
    driver.service(output, input);
    CHECK(chip.line == std::string(40, 'x'));
    CHECK((chip.registers[uart::reg::interrupt_enable] & uart::enable::transmitter_empty) == 0);
    CHECK(chip.overfilled == 0);
}

TEST_CASE("a full input buffer stops the other side and loses nothing", "[uart]") {
    Chip chip;
    ant::console::Uart driver{Bus{&chip}};
    driver.initialise();
    for (int i = 0; i < 20; ++i) chip.receive.push_back(static_cast<char>('a' + i));
    Output output;
    Input input{.text = {}, .capacity = 5};
    driver.service(output, input);
    CHECK(input.text == "abcde");
    CHECK((chip.registers[uart::reg::interrupt_enable] & uart::enable::received) == 0);
    CHECK((chip.registers[uart::reg::modem_control] & uart::modem::request_to_send) == 0);
    input.capacity = 1000;
    driver.service(output, input);
    CHECK(input.text == "abcdefghijklmnopqrst");
    CHECK((chip.registers[uart::reg::interrupt_enable] & uart::enable::received) != 0);
    CHECK((chip.registers[uart::reg::modem_control] & uart::modem::request_to_send) != 0);
}

TEST_CASE("reception goes on after an overrun", "[uart]") {
    Chip chip;
    ant::console::Uart driver{Bus{&chip}};
    chip.overrun = true;
    chip.receive = {'o', 'k'};
    Output output;
    Input input;
    driver.service(output, input);
    CHECK(input.text == "ok");
    CHECK(driver.overruns() == 1);
}

TEST_CASE("a UART that disappears does not hold the driver", "[uart]") {
    Chip chip;
    chip.gone = true;
    ant::console::Uart driver{Bus{&chip}};
    Output output{"text"};
    Input input;
    driver.service(output, input);
    CHECK(input.text.empty());
}

namespace {

// A keyboard controller that answers the configuration commands.
struct Controller {
    std::deque<std::pair<std::uint8_t, bool>> bytes;  // byte, from the mouse
    std::uint8_t configuration = 0x10;
    std::uint8_t last_command = 0;
    bool absent = false;

    std::uint8_t in(std::uint8_t port) {
        if (absent) return 0xff;
        if (port == ant::console::ps2::control)
            return bytes.empty() ? 0 : static_cast<std::uint8_t>(1 | (bytes.front().second ? 0x20 : 0));
        if (bytes.empty()) return 0;
        const std::uint8_t byte = bytes.front().first;
        bytes.pop_front();
        return byte;
    }
    void out(std::uint8_t port, std::uint8_t value) {
        if (port == ant::console::ps2::data) {
            if (last_command == 0x60) configuration = value;
            return;
        }
        last_command = value;
        if (value == 0x20) bytes.emplace_back(configuration, false);
    }
};
struct ControllerBus {
    Controller* controller = nullptr;
    std::uint8_t in(std::uint8_t port) const { return controller->in(port); }
    void out(std::uint8_t port, std::uint8_t value) const { controller->out(port, value); }
};

}  // namespace

TEST_CASE("the keyboard controller is switched to interrupts and translation", "[ps2]") {
    Controller controller;
    controller.bytes = {{0x55, false}};
    ant::console::Ps2 keyboard{ControllerBus{&controller}};
    CHECK(keyboard.initialise());
    CHECK(controller.configuration == 0x41);
    controller.bytes = {{0x08, true}, {0x1e, false}};
    CHECK(keyboard.read() == 0x1e);
    CHECK_FALSE(keyboard.read().has_value());
}

TEST_CASE("a machine without a keyboard controller is noticed", "[ps2]") {
    Controller controller;
    controller.absent = true;
    ant::console::Ps2 keyboard{ControllerBus{&controller}};
    CHECK_FALSE(keyboard.initialise());
    CHECK_FALSE(keyboard.read().has_value());
}
