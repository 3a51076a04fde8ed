// Records: what is committed is there, whatever happens and whenever.
//
// The interruption tests stop a real process after every single instruction of an operation (ptrace) and each time
// take over what lies in the areas, as the next process of a server would.
#include "fake_core.hpp"

#include <ant/records.hpp>

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace {

using ant::RecordStore;
using ant::Table;
using ant::table_of;
using ant::record::Found;

struct Small {
    std::uint64_t a;
    bool operator==(const Small&) const = default;
};
struct Large {
    std::uint64_t word[14];
    bool operator==(const Large&) const = default;
};
Large large(std::uint64_t seed) {
    Large l{};
    for (auto& word : l.word) word = seed = seed * 6364136223846793005u + 1442695040888963407u;
    return l;
}

constexpr std::uint16_t small_kind = 1, large_kind = 2;
constexpr std::uint32_t format = 5;
constexpr Table both[] = {table_of<Small>(small_kind, 1, 10), table_of<Large>(large_kind, 1, 20)};

// Areas in memory that child processes share, always at the same addresses.
class Areas {
public:
    static constexpr std::size_t bytes = 32 * ant::abi::page_size;
    static constexpr std::size_t watched = 6 * ant::abi::page_size;  // as much as the interruption tests use
    Areas() {
        fake::Core::get().reset();
        std::memset(memory(), 0, bytes);
        fake::on(fake::Syscall::ica_reserve) = [this](const fake::Call& call) { return reserve(call.a); };
        fake::on(fake::Syscall::ica_info) = [this](const fake::Call& call) {
            const auto area = pages.find(call.a);
            return area == pages.end() ? fake::failed(fake::Error::bad_address) : fake::Raw{{}, area->second, 0, 0, 0, 0};
        };
        fake::on(fake::Syscall::ica_release) = [this](const fake::Call& call) {
            return pages.erase(call.a) == 1 ? fake::Raw{} : fake::failed(fake::Error::bad_address);
        };
        fake::on(fake::Syscall::state_register) = [this](const fake::Call& call) {
            registered = {call.a, static_cast<std::uint32_t>(call.b)};
            return fake::Raw{};
        };
    }
    ~Areas() { fake::Core::get().reset(); }

    static std::byte* memory() {
        static auto* shared = static_cast<std::byte*>(
            mmap(reinterpret_cast<void*>(0x1000'0000'0000), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        return shared;
    }
    static std::vector<std::byte> copy() { return {memory(), memory() + watched}; }
    static void put_back(const std::vector<std::byte>& contents) { std::memcpy(memory(), contents.data(), watched); }

    ant::sys::State registered{};
    std::map<std::uint64_t, std::size_t> pages;

private:
    fake::Raw reserve(std::size_t count) {
        const std::uint64_t address = reinterpret_cast<std::uint64_t>(memory()) + used_ * ant::abi::page_size;
        used_ += count;
        if (used_ * ant::abi::page_size > bytes) return fake::failed(fake::Error::no_memory);
        pages[address] = count;
        return {{}, address, 0, 0, 0, 0};
    }
    std::size_t used_ = 0;
};

// What the next process of the server finds.
RecordStore next(const Areas& areas) {
    auto store = RecordStore::adopt(areas.registered);
    REQUIRE(store);
    return *store;
}
template <class T>
std::optional<T> load(const ant::Records<T>& records, unsigned index) {
    T data;
    const Found found = records.load(index, data);
    REQUIRE(found != Found::damaged);
    return found == Found::good ? std::optional{data} : std::nullopt;
}

// Runs `operation` in a child, and `check` here after each of its instructions. `check` may change the areas.
// -> instructions
unsigned stop_everywhere(const std::function<void()>& operation, const std::function<void()>& check) {
    const pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME);
        std::raise(SIGSTOP);
        operation();
        std::raise(SIGSTOP);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE((WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP));
    unsigned instructions = 0;
    std::vector<std::byte> before = Areas::copy();
    for (;;) {
        REQUIRE(ptrace(PTRACE_SINGLESTEP, child, nullptr, 0) == 0);
        waitpid(child, &status, 0);
        REQUIRE(WIFSTOPPED(status));
        if (WSTOPSIG(status) == SIGSTOP) break;
        REQUIRE(WSTOPSIG(status) == SIGTRAP);
        ++instructions;
        if (std::memcmp(before.data(), Areas::memory(), Areas::watched) == 0) continue;  // nothing was stored
        before = Areas::copy();
        check();
        Areas::put_back(before);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return instructions;
}

}  // namespace

TEST_CASE("a store has its tables, and records are what was committed last") {
    for (const std::uint32_t layout : {RecordStore::one_area, RecordStore::master}) {
        Areas areas;
        auto store = RecordStore::create(format, both, layout);
        REQUIRE(store);
        CHECK(areas.registered.format == format);
        CHECK(areas.pages.size() == (layout == RecordStore::one_area ? 1 : 3));
        auto records = store->table<Large>(large_kind);
        REQUIRE(records.capacity() == 20);
        CHECK(load(records, 19) == std::nullopt);
        for (unsigned round = 0; round < 5; ++round) {
            records.commit(19, large(round));
            CHECK(load(records, 19) == large(round));
        }
        records.erase(19);
        CHECK(load(records, 19) == std::nullopt);
        records.erase(19);
        records.commit(19, large(7));
        records.commit(0, large(8));
        store->table<Small>(small_kind).commit(3, {33});

        const RecordStore after = next(areas);
        CHECK(after.format() == format);
        CHECK(load(after.table<Large>(large_kind), 19) == large(7));
        CHECK(load(after.table<Small>(small_kind), 3) == Small{33});
        std::vector<unsigned> seen;
        after.table<Large>(large_kind).each([&](unsigned index, const Large&) { seen.push_back(index); });
        CHECK(seen == std::vector<unsigned>{0, 19});
        std::vector<std::pair<unsigned, Large>> unchecked;
        after.table<Large>(large_kind).each_unchecked([&](unsigned index, const Large& data) {
            unchecked.emplace_back(index, data);
        });
        CHECK(unchecked == std::vector<std::pair<unsigned, Large>>{{0, large(8)}, {19, large(7)}});
        CHECK_FALSE(after.any_damaged());
        CHECK_FALSE(after.table<Large>(large_kind).any_damaged());
        std::map<std::uint64_t, std::size_t> kept;
        after.for_each_area([&](std::uint64_t address) { kept[address] = areas.pages[address]; });
        CHECK(kept == areas.pages);
    }
}

TEST_CASE("tables are found by kind, version and size") {
    Areas areas;
    auto store = RecordStore::create(format, both);
    REQUIRE(store);
    CHECK_FALSE(store->table<Small>(large_kind));
    CHECK_FALSE(store->table<Small>(77));
    CHECK(store->table_version(77) == 0);
    CHECK(store->add_table(both[0]).error() == ant::Error::exists);
    REQUIRE(store->add_table(table_of<Large>(small_kind, 2, 4)));
    CHECK(store->table_version(small_kind) == 2);
    CHECK(store->table<Large>(small_kind).capacity() == 4);
    CHECK(store->table<Small>(small_kind, 1).capacity() == 10);
    REQUIRE(store->drop_table(small_kind, 2));
    CHECK(areas.pages.size() == 1);
    CHECK(store->drop_table(small_kind, 2).error() == ant::Error::not_found);
    CHECK(store->add_table({1, 3, 120, 1}).error() == ant::Error::invalid_argument);
    CHECK(store->add_table({1, 3, 20, 1}).error() == ant::Error::invalid_argument);
    CHECK(store->add_table({1, 3, 16, 0}).error() == ant::Error::invalid_argument);
    CHECK(areas.pages.size() == 1);
    REQUIRE(store->set_format(6));
    CHECK(areas.registered.format == 6);
}

TEST_CASE("too many tables leave no area behind") {
    Areas areas;
    std::vector<Table> tables;
    for (std::uint16_t kind = 0; kind <= RecordStore::max_tables; ++kind) tables.push_back(table_of<Small>(kind, 1, 1));
    CHECK(RecordStore::create(format, tables, RecordStore::master).error() == ant::Error::too_many);
    CHECK(areas.pages.empty());
    CHECK(RecordStore::create(format, tables).error() == ant::Error::too_many);
    CHECK(areas.pages.empty());
    CHECK(RecordStore::create(format, tables, 3).error() == ant::Error::invalid_argument);
}

TEST_CASE("a commit stopped after any instruction leaves the old or the new record") {
    Areas areas;
    const auto store = RecordStore::create(format, both);
    REQUIRE(store);
    auto records = store->table<Large>(large_kind);
    records.commit(4, large(44));
    // The first, the second and a later commit of a record differ in what its places held.
    for (const std::uint64_t round : {0, 1, 2, 3}) {
        const auto expected_old = load(records, 5);
        const auto before = Areas::copy();
        bool was_new = false;
        const unsigned instructions = stop_everywhere([&] { records.commit(5, large(round)); },
                                                      [&] {
                                                          auto after = next(areas).table<Large>(large_kind);
                                                          const auto found = load(after, 5);
                                                          REQUIRE((found == expected_old || found == large(round)));
                                                          REQUIRE((!was_new || found == large(round)));
                                                          was_new = found == large(round);
                                                          REQUIRE_FALSE(next(areas).any_damaged());
                                                          REQUIRE(load(after, 4) == large(44));
                                                          after.commit(5, large(99));  // the next process goes on from there
                                                          REQUIRE(load(after, 5) == large(99));
                                                          after.commit(5, large(100));
                                                          REQUIRE(load(after, 5) == large(100));
                                                      });
        CHECK(was_new);
        CHECK(instructions > 50);
        Areas::put_back(before);
        records.commit(5, large(round));
    }
}

TEST_CASE("an erasure stopped after any instruction leaves the old record or none") {
    Areas areas;
    const auto store = RecordStore::create(format, both);
    REQUIRE(store);
    auto records = store->table<Large>(large_kind);
    for (const std::uint64_t round : {0, 1, 2}) {
        records.commit(5, large(round));
        const auto before = Areas::copy();
        bool was_gone = false;
        stop_everywhere([&] { records.erase(5); },
                        [&] {
                            auto after = next(areas).table<Large>(large_kind);
                            const auto found = load(after, 5);
                            REQUIRE((!found || (found == large(round) && !was_gone)));
                            was_gone = !found;
                            REQUIRE_FALSE(next(areas).any_damaged());
                            after.commit(5, large(99));
                            REQUIRE(load(after, 5) == large(99));
                        });
        CHECK(was_gone);
        Areas::put_back(before);
    }
}

TEST_CASE("who is stopped while it finishes an interrupted commit leaves the old or the new record") {
    Areas areas;
    const auto store = RecordStore::create(format, both);
    REQUIRE(store);
    auto records = store->table<Large>(large_kind);
    for (const std::uint64_t round : {0, 1, 2}) {
        const auto expected_old = load(records, 5);
        const auto before = Areas::copy();
        std::vector<std::vector<std::byte>> stops;
        stop_everywhere([&] { records.commit(5, large(round)); }, [&] { stops.push_back(Areas::copy()); });
        for (const auto& stop : stops) {
            Areas::put_back(stop);
            stop_everywhere([&] { (void)RecordStore::adopt(areas.registered); },
                            [&] {
                                const auto found = load(next(areas).table<Large>(large_kind), 5);
                                REQUIRE((found == expected_old || found == large(round)));
                                REQUIRE_FALSE(next(areas).any_damaged());
                            });
        }
        Areas::put_back(before);
        records.commit(5, large(round));
    }
}

TEST_CASE("a table is added and dropped at once, wherever that is stopped") {
    Areas areas;
    auto store = RecordStore::create(format, both, RecordStore::master);
    REQUIRE(store);
    store->table<Small>(small_kind).commit(1, {11});
    // The fake core of the child is its own: here the areas that it may have reserved are known beforehand.
    const auto known = [&] {
        std::uint64_t address = areas.pages.rbegin()->first + areas.pages.rbegin()->second * ant::abi::page_size;
        areas.pages[address] = 1;
        return address;
    };
    const auto before = areas.pages;
    const std::uint64_t added = known();
    const auto pages = areas.pages;
    areas.pages = before;
    bool was_there = false;
    stop_everywhere([&] { (void)store->add_table(table_of<Large>(small_kind, 2, 4)); },
                    [&] {
                        areas.pages = pages;
                        const RecordStore after = next(areas);
                        const bool there = after.table_version(small_kind) == 2;
                        REQUIRE((there || !was_there));
                        was_there = there;
                        REQUIRE(load(after.table<Small>(small_kind, 1), 1) == Small{11});
                        if (there) REQUIRE(after.table<Large>(small_kind).capacity() == 4);
                        areas.pages = before;
                    });
    CHECK(was_there);

    areas.pages = pages;
    *store = next(areas);
    CHECK(areas.pages.contains(added));
    bool was_gone = false;
    stop_everywhere([&] { (void)store->drop_table(small_kind, 2); },
                    [&] {
                        const bool gone = next(areas).table_version(small_kind) == 1;
                        REQUIRE((gone || !was_gone));
                        was_gone = gone;
                    });
    CHECK(was_gone);
}

TEST_CASE("a bit that flips anywhere in a record is found") {
    Areas areas;
    const auto store = RecordStore::create(format, both);
    REQUIRE(store);
    auto records = store->table<Large>(large_kind);
    constexpr std::size_t place_bytes = 128, head_bytes = 16;
    std::byte* places = nullptr;
    for (unsigned commits = 1; commits <= 3; ++commits) {
        const Large data = large(commits);
        records.commit(6, data);
        if (places == nullptr) {
            void* found = memmem(Areas::memory(), Areas::bytes, &data, sizeof data);
            REQUIRE(found != nullptr);
            places = static_cast<std::byte*>(found) - head_bytes - place_bytes;  // the second place is written first
        }
        for (std::size_t bit = 0; bit < 2 * place_bytes * 8; ++bit) {
            const std::size_t byte = bit / 8;
            const bool unused = commits == 1 && byte >= head_bytes && byte < place_bytes;
            places[byte] ^= std::byte{1} << bit % 8;
            Large out{};
            const Found found = records.load(6, out);
            REQUIRE((found == Found::damaged || (found == Found::good && out == data)));
            REQUIRE(records.any_damaged() == !unused);
            REQUIRE(store->any_damaged() == !unused);
            places[byte] ^= std::byte{1} << bit % 8;
        }
    }
    std::memset(places, 0, place_bytes);  // a place that is wiped out as a whole
    CHECK(records.any_damaged());
    Large out;
    CHECK(records.load(6, out) == Found::damaged);
}

TEST_CASE("a record copied to another place is not good there") {
    Areas areas;
    const auto store = RecordStore::create(format, both);
    REQUIRE(store);
    auto records = store->table<Large>(large_kind);
    const Large data = large(1);
    records.commit(0, data);
    void* found = memmem(Areas::memory(), Areas::bytes, &data, sizeof data);
    REQUIRE(found != nullptr);
    auto* record = static_cast<std::byte*>(found) - 16 - 128;  // the second place is written first
    std::memcpy(record + 256, record, 256);
    Large out;
    CHECK(records.load(1, out) == Found::damaged);
}

TEST_CASE("what is not a store, or has a damaged head, is refused") {
    Areas areas;
    CHECK(RecordStore::adopt({0, 0}).error() == ant::Error::not_found);
    const auto other = fake::Core::get().handle({fake::Syscall::ica_reserve, 2, 0, 0, 0, 0}).rdx;
    CHECK(RecordStore::adopt({other, format}).error() == ant::Error::state_refused);
    const auto store = RecordStore::create(format, both, RecordStore::master);
    REQUIRE(store);
    CHECK(RecordStore::adopt({areas.registered.address, format, true}).error() == ant::Error::state_refused);
    auto* head = reinterpret_cast<std::byte*>(areas.registered.address);
    constexpr std::size_t fixed = 8 + 8 + 2 * 32;  // magic, mark, two entries
    for (std::size_t byte = 0; byte < fixed; ++byte) {
        head[byte] ^= std::byte{0x10};
        REQUIRE(RecordStore::adopt(areas.registered).error() == ant::Error::state_refused);
        head[byte] ^= std::byte{0x10};
    }
    CHECK(RecordStore::adopt(areas.registered));
}
