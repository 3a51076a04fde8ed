#include "console.hpp"

#include <ant/ica.hpp>
#include <ant/process.hpp>

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

void Console::create() {
    const auto journal = Journal::create();
    if (!journal) panic("console: no state: %s", error_text(journal.error()));
    journal_ = *journal;
    state_ = &journal_->state();
    const Framebuffer framebuffer = given_framebuffer();
    if (framebuffer.usable())
        state_->screen.reset(framebuffer.columns(), framebuffer.rows());
    else
        state_->screen.reset(80, 25);
    journal_->checkpoint();
}

void Console::start() {
    create();
    open_display();
    open_devices();
}

void Console::adopt(const sys::State& registered) {
    const auto journal = Journal::adopt(registered);
    if (!journal || !journal->state().consistent()) panic("console: the state that is to be taken over makes no sense");
    journal_ = *journal;
    state_ = &journal_->state();
    open_display();
    if (display_.attached()) display_.assume(state_->screen);
}

void Console::recover(const sys::State& registered) {
    const auto journal = Journal::adopt(registered);
    if (journal) journal_ = *journal;
    if (journal_ && journal_->rebuild()) {
        state_ = &journal_->state();
    } else {
        if (registered.address != 0) log("the state is damaged: starting afresh");
        create();
    }
    AreaKeeper keeper;
    journal_->keep_areas(keeper);
    if (const auto swept = keeper.sweep(); !swept) log("areas stay: %s", error_text(swept.error()));
    state_->readers.count = state_->writers.count = state_->interrupts.count = 0;
    sys::phase(abi::Phase::state);
    open_display();
    open_devices();
}

// Also devices that a process that failed has had in hand. What the UART holds stays.
void Console::open_devices() {
    const bool serial = uart_.present();
    if (serial) uart_.initialise();
    state_->serial = serial;
    if (state_->keyboard_there == 0) state_->keyboard_there = keyboard_.initialise();
    to_paint_ = true;
    sys::phase(abi::Phase::device);
}

void Console::open_display() {
    const Framebuffer framebuffer = given_framebuffer();
    if (!framebuffer.usable()) return;
    const std::uint64_t inside = framebuffer.physical % abi::page_size;
    const std::size_t bytes = pages_for(inside + framebuffer.bytes()) * abi::page_size;
    const auto mapped = sys::physical_map(framebuffer.physical - inside, bytes, framebuffer_address);
    if (!mapped) return log("no screen: %s", error_text(mapped.error()));
    display_.attach(framebuffer, reinterpret_cast<void*>(framebuffer_address + inside));
    if (framebuffer.text()) hide_hardware_cursor();
}

Outcome Console::size(Call call) const {
    const Screen& screen = state_->screen;
    const Size size{screen.columns, screen.rows, state_->serial, display_.attached(), screen.column};
    return call.reply_with(size);
}

bool Console::admit(Call call) {
    if (!journal_->append(call.id(), text_of(call))) return false;
    to_paint_ = true;
    return true;
}

Outcome Console::write(Call call) {
    const auto bytes = static_cast<std::int64_t>(text_of(call).size());
    if (call.redelivered() && journal_->appended(call.id())) return Call::reply(bytes);
    const bool first = state_->writers.count == 0;
    if (first && admit(call)) return Call::reply(bytes);
    if (state_->writers.full()) return Error::queue_full;
    state_->writers.add(call.control());
    return Call::defer();
}

void Console::admit_writers() {
    while (state_->writers.count != 0) {
        const std::uint64_t control = state_->writers.control[0];
        const Call call{control};
        if (!admit(call)) return;
        (void)state_->writers.take(0);
        (void)Server::answer(control, Error::none, static_cast<std::int64_t>(text_of(call).size()));
    }
}

// The newest reader is served first: an older one may belong to a program that has gone.
Outcome Console::read(Call call) {
    if (call.parameter_bytes() < sizeof(Text)) return Error::invalid_argument;
    if (call.redelivered()) journal_->take_back(call.id());
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
        journal_->take(call.id(), count);
        if (!Server::answer(control, Error::none, count)) journal_->take_back();
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
