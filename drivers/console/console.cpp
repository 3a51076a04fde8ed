#include "console.hpp"

#include <ant/ica.hpp>

namespace ant::console {
namespace {

constexpr char control_c = 0x03;
constexpr std::uint64_t framebuffer_address = 0x4000'0000;  // in the private memory of this process

// Interrupts tell of everything; this is how long a lost one can go unnoticed.
constexpr std::uint64_t idle_us = 1'000'000;
constexpr std::uint64_t sending_us = 20'000;

// The serial line's view of the output: every "\n" becomes "\r\n".
struct SerialOutput {
    State& state;
    [[nodiscard]] bool empty() const { return state.output.empty(); }
    [[nodiscard]] char front() const {
        const char c = state.output.front();
        return c == '\n' && state.return_sent == 0 ? '\r' : c;
    }
    void drop(unsigned) {
        if (state.output.front() == '\n' && state.return_sent == 0) {
            state.return_sent = 1;
            return;
        }
        state.return_sent = 0;
        state.output.drop(1);
    }
};

Framebuffer given_framebuffer() {
    const auto& info = startup();
    return {info.framebuffer, info.framebuffer_width, info.framebuffer_height, info.framebuffer_pitch, info.framebuffer_bits};
}

// The cursor is painted like any cell.
void hide_hardware_cursor() {
    constexpr std::uint8_t cursor_start = 0x0a, disabled = 0x20;
    port_out(crt_index, cursor_start);
    port_out(crt_data, disabled);
}

std::string_view text_of(Call call) {
    const Text& text = call.params<Text>();
    return {text.text, std::min(text.bytes, max_text)};
}

}  // namespace

void Console::start() {
    auto area = Ica::reserve(sizeof(State));
    if (!area) panic("console: no memory for the state");
    const auto registered = sys::state_register(area->address(), state_format);
    if (!registered) panic("console: state: %s", error_text(registered.error()));
    state_ = area->as<State>();
    (void)area->detach();  // it belongs to the slot, not to this process

    state_->magic = state_magic;
    state_->bytes = sizeof(State);
    state_->screen.reset(80, 25);
    open_display();
    if (display_.attached()) state_->screen.reset(given_framebuffer().columns(), given_framebuffer().rows());
    state_->serial = uart_.present();
    if (state_->serial != 0) uart_.initialise();
    state_->keyboard_there = keyboard_.initialise();
    to_paint_ = true;
}

void Console::adopt(sys::State registered) {
    auto* state = reinterpret_cast<State*>(registered.address);
    if (state == nullptr || registered.format != state_format || !state->consistent()) return start();
    state_ = state;
    if (state_->calls_are_held == 0) state_->readers.count = state_->writers.count = state_->interrupts.count = 0;
    state_->calls_are_held = 0;
    open_display();
    if (display_.attached()) display_.assume(state_->screen);
}

void Console::open_display() {
    const Framebuffer framebuffer = given_framebuffer();
    if (!framebuffer.usable()) return;
    const std::uint64_t inside = framebuffer.physical % abi::page_size;
    const std::size_t bytes = pages_for(inside + framebuffer.bytes()) * abi::page_size;
    const auto mapped = sys::physical_map(framebuffer.physical - inside, bytes, framebuffer_address);
    if (!mapped) return log("console: no screen: %s", error_text(mapped.error()));
    display_.attach(framebuffer, reinterpret_cast<void*>(framebuffer_address + inside));
    if (framebuffer.text()) hide_hardware_cursor();
}

Outcome Console::size(Call call) const {
    const Screen& screen = state_->screen;
    const Size size{screen.columns, screen.rows, state_->serial, display_.attached(), screen.column};
    return call.reply_with(size);
}

// Takes the whole text, or nothing of it while the serial line has no room.
bool Console::admit(std::string_view text) {
    if (state_->serial != 0 && !state_->output.put(text)) return false;
    state_->screen.write(text);
    to_paint_ = true;
    return true;
}

Outcome Console::write(Call call) {
    const std::string_view text = text_of(call);
    const bool first = state_->writers.count == 0;
    if (first && admit(text)) return Call::reply(static_cast<std::int64_t>(text.size()));
    if (state_->writers.full()) return Error::queue_full;
    state_->writers.add(call.control());
    return Call::defer();
}

void Console::admit_writers() {
    while (state_->writers.count != 0) {
        const std::uint64_t control = state_->writers.control[0];
        const std::string_view text = text_of(Call{control});
        if (!admit(text)) return;
        (void)state_->writers.take(0);
        (void)Server::answer(control, Error::none, static_cast<std::int64_t>(text.size()));
    }
}

// The newest reader is served first: an older one may belong to a program that has gone.
Outcome Console::read(Call call) {
    if (call.parameter_bytes() < sizeof(Text)) return Error::invalid_argument;
    if (state_->input.empty() && call.params<Read>().dont_wait != 0) return Error::would_block;
    if (state_->readers.full()) (void)Server::answer(state_->readers.take(0), Error::cancelled);
    state_->readers.add(call.control());
    return Call::defer();
}

// What a reader that has gone would have got stays for the next one.
void Console::answer_readers() {
    while (state_->readers.count != 0 && !state_->input.empty()) {
        const std::uint64_t control = state_->readers.take(state_->readers.count - 1);
        const Call call{control};
        const std::uint32_t wanted = std::min(call.params<Read>().bytes, max_text);
        Text& text = call.params<Text>();
        text.bytes = state_->input.peek(text.text, wanted);
        const std::uint32_t count = text.bytes;
        if (Server::answer(control, Error::none, count)) state_->input.drop(count);
    }
}

void Console::cancel_readers() {
    while (state_->readers.count != 0) (void)Server::answer(state_->readers.take(0), Error::cancelled);
}

Outcome Console::interrupt(Call call) {
    if (call.params<Interrupt>().withdraw != 0) {
        withdraw_interrupts(call.requester());
        cancel_readers();
        return Call::reply();
    }
    if (state_->interrupts.full()) return Error::queue_full;
    state_->interrupts.add(call.control());
    return Call::defer();
}

void Console::answer_interrupts(Error error) {
    while (state_->interrupts.count != 0) (void)Server::answer(state_->interrupts.take(0), error);
}

void Console::withdraw_interrupts(std::uint32_t requester) {
    PendingCalls& waiting = state_->interrupts;
    for (unsigned i = 0; i < waiting.count;) {
        if (Call{waiting.control[i]}.requester() == requester) {
            (void)Server::answer(waiting.take(i), Error::cancelled);
        } else {
            ++i;
        }
    }
}

void Console::type(char byte) {
    if (byte == control_c && state_->interrupts.count != 0) return answer_interrupts(Error::none);
    (void)state_->input.put(byte);
}

void Console::serve_keyboard() {
    while (state_->input.space() >= sizeof(Keys)) {
        const auto code = keyboard_.read();
        if (!code) return;
        const Keys keys = decode(state_->keyboard, *code);
        for (const char c : keys.text()) type(c);
    }
}

std::uint64_t Console::work() {
    if (state_ == nullptr) return no_limit;
    state_->calls_are_held = 0;  // a hand-over that was called off leaves this set
    if (state_->serial != 0) {
        struct Input {
            Console& console;
            [[nodiscard]] bool full() const { return console.state_->input.space() == 0; }
            void put(char byte) { console.type(byte); }
        } input{*this};
        SerialOutput output{*state_};
        uart_.service(output, input);
    }
    if (state_->keyboard_there != 0) serve_keyboard();
    admit_writers();
    answer_readers();
    if (to_paint_) display_.paint(state_->screen);
    to_paint_ = false;
    return state_->output.empty() ? idle_us : sending_us;
}

}  // namespace ant::console
