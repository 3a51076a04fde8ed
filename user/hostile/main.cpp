// hostile [N [SEED]]: makes N system calls (default a million) with arguments that are random, or nearly right.
// It spares only itself and the terminal: its own text and stack, endless waits, its end, and the console's
// functions, so that one can still read what happens.
#include <ant/abi/manifest.hpp>
#include <ant/console.hpp>
#include <ant/process.hpp>
#include <ant/stream.hpp>
#include <ant/syscalls.hpp>

#include <array>
#include <charconv>
#include <iterator>

ANT_MANIFEST(.version = 1, .name = "hostile", .privileges = ant::abi::privilege::list, .quota_pages = 1024, .quota_calls = 32,
             .callees = "console");

namespace {

using namespace ant;
using abi::Syscall;
using u64 = std::uint64_t;
using u32 = std::uint32_t;

constexpr u64 sandbox = 0x7000'0000, sandbox_bytes = 16 << 20;
constexpr u64 kernel_half = 0xffff'8000'0000'0000;
constexpr u64 longest_wait_us = 50;

class Random {
public:
    explicit Random(u64 seed) : seed_{seed} {}
    u64 next() { return Stream::word(seed_, index_++); }
    u64 below(u64 limit) { return next() % limit; }
    bool one_in(u64 n) { return below(n) == 0; }

private:
    u64 seed_, index_ = 0;
};

// Addresses that were areas of this process once; by now they may be anybody's or nobody's.
class Areas {
public:
    void remember(u64 address) { known_[next_++ % known_.size()] = address; }
    [[nodiscard]] u64 any(Random& random) const { return known_[random.below(known_.size())]; }

private:
    std::array<u64, 64> known_{};
    std::size_t next_ = 0;
};

struct Call {
    u64 number;
    u64 argument[6];
};

class Hostile {
public:
    explicit Hostile(u64 seed) : random_{seed} {
        for (const char* name : {"console.write", "console.read", "console.crash"}) {
            const auto found = sys::function_find(name);
            if (found) spared_[spared_count_++] = found->id;
        }
    }
    void step() {
        Call call{random_number(), {}};
        for (u64& argument : call.argument) argument = random_argument();
        shape(call);
        if (!bearable(call)) return;
        const auto& a = call.argument;
        const sys::Raw result = sys::raw(static_cast<Syscall>(call.number), a[0], a[1], a[2], a[3], a[4]);
        if (call.number == static_cast<u64>(Syscall::ica_reserve) && result.error == Error::none) areas_.remember(result.rdx);
        if (call.number == static_cast<u64>(Syscall::ica_split) && result.error == Error::none) areas_.remember(result.rdx);
        if (call.number == static_cast<u64>(Syscall::receive) && result.rdi != 0) areas_.remember(result.rdi);
    }

private:
    u64 random_number() {
        constexpr u64 first = static_cast<u64>(Syscall::first), count = static_cast<u64>(Syscall::count_) - first;
        // Those behind the last are nobody's. Those below the first are of another system: without a handler for
        // them they end the process.
        return random_.one_in(100) ? first + random_.below(u64{1} << 40) : first + random_.below(count);
    }
    u64 random_argument() {
        switch (random_.below(10)) {
            case 0:
                return random_.next();
            case 1:
                return random_.below(16);
            case 2:
                return random_.below(4096);
            case 3:
                return u64{1} << random_.below(64);
            case 4:
                return ~u64{0} - random_.below(4096);
            case 5:
                return kernel_half + (random_.next() >> random_.below(64));
            case 6:
                return abi::ica_base + random_.below(abi::ica_window_bytes);
            case 7:
                return sys::address_of(names_[random_.below(std::size(names_))]);
            case 8:
                return sandbox + random_.below(sandbox_bytes);
            default:
                return areas_.any(random_);
        }
    }
    // Makes arguments nearly right, most of the time, so that calls get past the first check.
    void shape(Call& call) {
        if (random_.one_in(4)) return;
        auto& a = call.argument;
        switch (static_cast<Syscall>(call.number)) {
            case Syscall::ica_reserve:
                a[0] = 1 + random_.below(16);
                a[1] = random_.below(2);
                break;
            case Syscall::ica_release:
            case Syscall::ica_split:
            case Syscall::ica_info:
            case Syscall::state_register:
            case Syscall::reply:
            case Syscall::reply_and_receive:
                a[0] = areas_.any(random_);
                a[1] = random_.below(16);
                break;
            case Syscall::request:
            case Syscall::request_async:
                a[0] = random_.below(64) | random_.below(128) << 32;
                a[1] = areas_.any(random_);
                a[2] = sys::pair(abi::parameter_base, static_cast<u32>(random_.below(4096)));
                a[3] = random_.one_in(2) ? 0 : areas_.any(random_);
                break;
            case Syscall::list:
                a[0] = random_.below(10);
                a[1] = areas_.any(random_);
                a[2] = random_.below(8);
                break;
            case Syscall::function_register:
            case Syscall::function_find:
                a[0] = sys::address_of(names_[random_.below(std::size(names_))]);
                break;
            case Syscall::memory_map:
            case Syscall::memory_unmap:
            case Syscall::memory_protect:
                a[0] = sandbox + random_.below(sandbox_bytes / abi::page_size) * abi::page_size;
                a[1] = random_.below(64) * abi::page_size;
                a[2] = random_.below(5);
                break;
            default:
                break;
        }
    }
    // Bounds what would end or hold up this very process; whatever else it asks for is for the core to judge.
    bool bearable(Call& call) {
        auto& a = call.argument;
        switch (static_cast<Syscall>(call.number)) {
            case Syscall::process_exit:
            case Syscall::set_foreign_handler:
                return false;
            case Syscall::log:
                return a[0] < abi::page_size || a[0] >= kernel_half;  // what can be read would fill the terminal
            case Syscall::wait:
                a[0] %= longest_wait_us;
                return true;
            case Syscall::receive:
                a[0] = timeout(a[0]);
                return true;
            case Syscall::reply_and_receive:
                a[4] = timeout(a[4]);
                return true;
            case Syscall::forward_and_receive:
                a[4] = timeout(a[4]);
                return !spared(static_cast<u32>(a[0]));
            case Syscall::request:
                a[4] = 1 + a[4] % longest_wait_us;
                return !spared(static_cast<u32>(a[0]));
            case Syscall::request_async:
            case Syscall::forward:
                return !spared(static_cast<u32>(a[0]));
            case Syscall::memory_map:
            case Syscall::memory_unmap:
            case Syscall::memory_protect:
                return harmless(a[0], a[1]);
            default:
                return true;
        }
    }
    u64 timeout(u64 wanted) { return random_.one_in(2) ? abi::poll : 1 + wanted % longest_wait_us; }
    [[nodiscard]] bool spared(u32 function) const {
        for (unsigned i = 0; i < spared_count_; ++i)
            if (spared_[i] == function) return true;
        return false;
    }
    // Inside the sandbox, or so absurd that nothing can come of it. What lies between is this program.
    static bool harmless(u64 address, u64 bytes) {
        if (address >= sandbox && address < sandbox + sandbox_bytes)
            return bytes <= sandbox + sandbox_bytes - address || bytes >> 40 != 0;
        return address >= abi::ica_base;
    }

    // Own, foreign, unknown and strange names; the last one has no end.
    static constexpr std::array<char, abi::name_bytes> unended = [] {
        std::array<char, abi::name_bytes> text{};
        text.fill('x');
        return text;
    }();
    static constexpr const char* names_[] = {"hostile.a", "hostile.b", "inet.socket",           "nobody.nothing", "",
                                             "hostile.",  ".",         "no point in this name", unended.data()};
    Random random_;
    Areas areas_;
    u32 spared_[4] = {};
    unsigned spared_count_ = 0;
};

u64 number(const char* text, u64 fallback) {
    const std::string_view digits{text};
    u64 value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : fallback;
}

}  // namespace

int main() {
    const u64 calls = number(argument(1), 1'000'000);
    const u64 seed = number(argument(2), clock_ns());
    console::print("hostile: %lu calls, seed %lu\n", calls, seed);
    static Hostile hostile{seed};
    const u64 tenth = calls < 10 ? 1 : calls / 10;
    for (u64 i = 0; i < calls; ++i) {
        if (i != 0 && i % tenth == 0) console::print("hostile: %lu of %lu\n", i, calls);
        hostile.step();
    }
    console::print("hostile: %lu calls done\n", calls);
    return 0;
}
