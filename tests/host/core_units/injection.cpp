// Faults on purpose: private copies of shared text, and ends after a number of instructions.
#include "support/world.hpp"

#include <kernel/core/injection.hpp>
#include <kernel/core/user_memory.hpp>

#include <catch2/catch.hpp>

#include <cstring>

using namespace ant;
using namespace ant::test;
using model::hardware;

namespace {

constexpr u64 text = 0x400000, read_only = 0x401000, data = 0x402000;
constexpr u64 instruction_bytes = 3;

Outcome poke(World& w, Process& by, const Process& target, u64 address, std::string_view bytes) {
    return w.call(by, Syscall::process_poke, target.pid, address, w.put(by, bytes.data(), bytes.size()), bytes.size());
}

std::string peek(const Process& p, u64 address, std::size_t bytes) {
    std::string text(bytes, 0);
    REQUIRE(copy_in(p, address, std::as_writable_bytes(std::span{text})));
    return text;
}

// A server that has been asked for one call, and who counts its instructions.
struct Counted {
    World w;
    Process& server = w.start("store", {.priority = abi::priority::server});
    Process& client = w.start("app");
    Process& tool = w.start("tool");
    u32 f = w.function(server, "store.put", 1);
    u64 c = w.control(client);

    Outcome stop_after(u64 n) { return w.call(tool, Syscall::process_stop_after, server.pid, n); }
    void ask() { REQUIRE(w.request_async(client, f, c).ok()); }
    void wait_for_work() {
        w.wait_for_work(server);
        after_system_call();
    }
    // What the CPU's registers are in the trap after SYSRET.
    void after_system_call() { server.context.rcx = server.context.rip; }
    // Instructions of the server, up to its last one. -> how many it did, at most `most`
    unsigned step(unsigned most) {
        for (unsigned n = 1; n <= most; ++n) {
            server.context.rip += instruction_bytes;
            if (last_instruction(server)) return n;
        }
        return 0;
    }
    [[nodiscard]] bool traps() const { return (server.context.rflags & arch::trap_flag) != 0; }
};

}  // namespace

TEST_CASE("damage to text hits one process; the image and the next process are clean", "[injection]") {
    World w;
    Process& victim = w.start("victim");
    Process& other = w.start("other");
    Process& tool = w.start("tool");
    const std::string clean = peek(other, text, 64);
    const u32 pages = victim.private_pages, allowed = victim.quota_pages - victim.private_pages;
    const std::size_t free = w.free_pages();
    REQUIRE(poke(w, tool, victim, text + 16, "damage").ok());
    CHECK(peek(victim, text + 16, 6) == "damage");
    CHECK(peek(victim, text, 16) == clean.substr(0, 16));
    CHECK(peek(other, text, 64) == clean);
    CHECK(w.free_pages() == free - 1);
    CHECK(victim.private_pages == pages + 1);
    CHECK(victim.quota_pages - victim.private_pages == allowed);
    CHECK(!w.writes(victim, text));  // still text
    w.check();
    REQUIRE(poke(w, tool, victim, text + page_size - 3, "end").ok());  // the same copy
    CHECK(w.free_pages() == free - 1);
    w.kill(victim);
    w.finish_endings();
    w.check();
    Process& next = w.start("victim");
    CHECK(peek(next, text, 64) == clean);
    CHECK(damaged_images == 0);
}

TEST_CASE("damage to read-only and to written data, and to oneself", "[injection]") {
    World w;
    Process& victim = w.start("victim");
    Process& other = w.start("other");
    const std::size_t free = w.free_pages();
    REQUIRE(poke(w, other, victim, data + 40, "data").ok());
    CHECK(w.free_pages() == free);  // it was private already
    CHECK(peek(victim, data + 40, 4) == "data");
    CHECK(peek(other, data + 40, 4) != "data");
    REQUIRE(poke(w, other, victim, read_only, "rodata").ok());
    CHECK(peek(victim, read_only, 6) == "rodata");
    CHECK(peek(other, read_only, 6) != "rodata");
    REQUIRE(poke(w, other, other, text, "own").ok());  // the model watches for the translation that it lost
    CHECK(peek(other, text, 3) == "own");
    CHECK(!w.writes(victim, read_only));
    w.check();
}

TEST_CASE("the damaged process is noticed when it gets there, others pass", "[injection]") {
    World w;
    Process& victim = w.start("victim");
    Process& other = w.start("other");
    Process& tool = w.start("tool");
    REQUIRE(poke(w, tool, victim, text + 16, "damage").ok());
    CHECK(hardware().breakpoint == text + 16);
    victim.context.rip = other.context.rip = text + 15;
    CHECK(reached_damage(victim) == Reached::no);
    victim.context.rip = other.context.rip = text + 16;
    CHECK(reached_damage(other) == Reached::by_another);
    CHECK((other.context.rflags & arch::resume_flag) != 0);
    CHECK(hardware().breakpoint == text + 16);
    SECTION("it is executed once") {
        CHECK(reached_damage(victim) == Reached::by_target);
        CHECK((victim.context.rflags & arch::resume_flag) == 0);
        CHECK(reached_damage(victim) == Reached::no);
    }
    SECTION("it never will be: the process has ended") {
        w.kill(victim);
        w.finish_endings();
        CHECK(reached_damage(other) == Reached::by_another);
        CHECK(reached_damage(other) == Reached::no);
    }
    CHECK(hardware().breakpoint == 0);
}

TEST_CASE("poking is refused without the right, and where there is nothing of the process", "[injection]") {
    World w;
    Process& victim = w.start("victim");
    Process& tool = w.start("tool");
    Process& stranger = w.start("stranger", {.privileges = ~abi::privilege::replace});
    const u64 a = w.area(victim);
    CHECK(poke(w, stranger, victim, text, "x").error == Error::denied);
    CHECK(w.call(stranger, Syscall::process_stop_after, victim.pid, 1).error == Error::denied);
    CHECK(poke(w, tool, victim, 0, "x").error == Error::bad_address);
    CHECK(poke(w, tool, victim, 0x900000, "x").error == Error::bad_address);
    CHECK(poke(w, tool, victim, a, "x").error == Error::bad_address);  // an area is not its own alone
    CHECK(poke(w, tool, victim, ~u64{0} - 2, "x").error == Error::bad_address);
    CHECK(poke(w, tool, victim, text + page_size - 1, "xy").error == Error::invalid_argument);
    CHECK(poke(w, tool, victim, text, "").error == Error::invalid_argument);
    CHECK(poke(w, tool, victim, text, std::string(abi::max_poke + 1, 'x')).error == Error::invalid_argument);
    CHECK(w.call(tool, Syscall::process_poke, victim.pid, text, 8, 4).error == Error::bad_address);
    CHECK(w.call(tool, Syscall::process_poke, 12345, text, w.put(tool, "x", 1), 1).error == Error::not_found);
    CHECK(w.call(tool, Syscall::process_stop_after, 12345, 1).error == Error::not_found);
    w.kill(victim);
    CHECK(poke(w, tool, victim, text, "x").error == Error::not_found);
    w.check();
}

TEST_CASE("poking without memory for the copy changes nothing", "[injection]") {
    World w;
    Process& victim = w.start("victim");
    Process& tool = w.start("tool");
    const std::string clean = peek(victim, text, 16);
    std::vector<Pfn> taken;
    for (Pfn p = pool.allocate(1, PageKind::core); p != no_page; p = pool.allocate(1, PageKind::core)) taken.push_back(p);
    CHECK(poke(w, tool, victim, text, "x").error == Error::no_memory);
    CHECK(peek(victim, text, 16) == clean);
    CHECK(poke(w, tool, victim, data, "x").ok());
    for (const Pfn p : taken) pool.release(p, 1);
    w.check();
}

TEST_CASE("instructions are counted from the next call on", "[injection]") {
    Counted t;
    t.w.wait_for_work(t.server);
    REQUIRE(t.stop_after(3).ok());
    CHECK(t.traps());
    t.ask();
    t.after_system_call();
    CHECK(!last_instruction(t.server));  // this is receive itself
    CHECK(t.step(10) == 3);
}

TEST_CASE("a call in work and receipts without a call do not start the count", "[injection]") {
    Counted t;
    t.ask();
    t.wait_for_work();
    REQUIRE(t.stop_after(1).ok());  // in the middle of a call
    CHECK(t.step(100) == 0);
    REQUIRE(t.w.reply(t.server, t.c).ok());
    t.after_system_call();
    CHECK(!last_instruction(t.server));
    CHECK(t.step(100) == 0);
    CHECK(t.w.receive(t.server).error == Error::timed_out);
    t.after_system_call();
    CHECK(!last_instruction(t.server));
    CHECK(t.step(100) == 0);
    REQUIRE(t.w.receive(t.client).ok());
    t.ask();
    t.wait_for_work();
    CHECK(!last_instruction(t.server));
    CHECK(t.step(10) == 1);
}

TEST_CASE("the count goes on in the next call, and can be called off", "[injection]") {
    Counted t;
    REQUIRE(t.stop_after(10).ok());
    t.ask();
    t.wait_for_work();
    CHECK(!last_instruction(t.server));
    CHECK(t.step(4) == 0);
    REQUIRE(t.w.reply(t.server, t.c).ok());
    REQUIRE(t.w.receive(t.client).ok());
    t.ask();
    t.wait_for_work();
    CHECK(!last_instruction(t.server));  // the fifth: receive
    CHECK(t.step(3) == 0);
    REQUIRE(t.stop_after(0).ok());
    CHECK(!t.traps());
    CHECK(t.server.stop_after == 0);
    CHECK(!t.server.counts);
}

TEST_CASE("a damaged image is not run, and counted once", "[injection]") {
    World w;
    Process& p = w.start("before");
    Process& asker = w.start("asker");
    const Pfn first = images[0].first;
    auto& byte = static_cast<std::byte*>(machine::page(first))[GENERATE(0U, 1U, 31U, 4095U, 4096U, 8191U, 8192U, 8291U)];
    byte ^= std::byte{0x80};
    const auto started = w.try_start("after");
    REQUIRE(!started);
    CHECK(started.error() == Error::bad_image);
    CHECK(hardware().damage_log == std::vector<std::string>{"after"});
    CHECK(w.try_replace(asker, "before").error() == Error::bad_image);
    CHECK(damaged_images == 1);
    byte ^= std::byte{0x80};
    CHECK(!w.try_start("later"));  // nothing in it is to be trusted any more
    CHECK(damaged_images == 1);
    w.run(p);
    w.check();
}

TEST_CASE("the listing of the system looks for damage with the audit", "[injection]") {
    World w;
    Process& p = w.start("p");
    const u64 a = w.area(p);
    const auto damaged = [&](u64 audit) {
        REQUIRE(w.call(p, Syscall::list, static_cast<u64>(abi::ListKind::system), a, audit).ok());
        abi::SystemRecord record;
        REQUIRE(read_object(p, a, record));
        return record.damaged_images;
    };
    static_cast<std::byte*>(machine::page(images[0].first))[100] ^= std::byte{1};
    CHECK(damaged(0) == 0);
    CHECK(damaged(1) == 1);
    CHECK(damaged(1) == 1);
}

TEST_CASE("every change of one word changes the hash, and so do two changes of the top bit", "[injection]") {
    World w;
    const Image& image = images[0];
    const u64 hash = hash_image(image);
    CHECK(hash == image.hash);
    auto* words = static_cast<u64*>(machine::page(image.first));
    constexpr unsigned count = 3 * page_size / 8;
    for (unsigned i = 0; i < count; ++i) {
        words[i] += 1;
        if (hash_image(image) == hash) FAIL("word " << i);
        words[i] -= 1;
    }
    constexpr u64 top = u64{1} << 63;
    for (unsigned i = 0; i + 4 < count; ++i) {
        words[i] ^= top;
        words[i + 4] ^= top;
        if (hash_image(image) == hash) FAIL("words " << i << " and " << i + 4);
        words[i] ^= top;
        words[i + 4] ^= top;
    }
    CHECK(hash_image(image) == hash);
}
