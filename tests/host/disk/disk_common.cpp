// The common part of disk drivers over a controller that does what a test says: order, checks, errors, time-outs, failures.
#include "fixture.hpp"

#include <algorithm>

namespace disk::test {
namespace {

namespace block = ant::block;

struct Started {
    unsigned port;
    std::uint32_t token;
    Command command;
    std::vector<Piece> pieces;
};

// Two drives; commands end when a test ends them.
struct Board {
    Drive drives[2]{};
    unsigned depth = 4;
    bool known = true;
    std::vector<Started> started;
    std::vector<std::pair<std::uint32_t, End>> over;  // to be told with the next interrupt or look
    unsigned resets = 0;

    Board() {
        for (unsigned port = 0; port < 2; ++port) {
            Drive& drive = drives[port];
            drive.present = true;
            drive.max_sectors = 8192;
            drive.unit.sectors = 100'000;
            drive.unit.flags = block::unit_flag::write_cache | block::unit_flag::through;
            drive.unit.serial[0] = static_cast<char>('A' + port);
        }
    }
};

struct Scripted {
    struct State {};
    static constexpr unsigned max_ports = 2;
    Scripted(Board& on, State&, block::Statistics&) : board{on} {}

    Board& board;
    [[nodiscard]] bool settled() const { return board.known; }
    [[nodiscard]] const Drive& drive(unsigned port) const { return board.drives[port]; }
    [[nodiscard]] bool room(unsigned port) const {
        unsigned count = 0;
        for (const Started& s : board.started) count += s.port == port ? 1 : 0;
        return count < board.depth;
    }
    void start(unsigned port, std::uint32_t token, const Command& command) {
        REQUIRE(room(port));
        board.started.push_back({port, token, command, {command.pieces.begin(), command.pieces.end()}});
    }
    template <class Ended>
    void interrupt(Ended&& ended) {
        auto over = std::exchange(board.over, {});
        for (const auto& [token, end] : over) ended(token, end);
    }
    template <class Ended>
    std::uint64_t look(std::uint64_t, Ended&&) {
        return look_us;
    }
    template <class Ended>
    void reset(unsigned port, Ended&& ended) {
        ++board.resets;
        std::vector<std::uint32_t> tokens;
        std::erase_if(board.started, [&](const Started& s) {
            if (s.port == port) tokens.push_back(s.token);
            return s.port == port;
        });
        for (const std::uint32_t token : tokens) ended(token, End::withdrawn);
    }
    [[nodiscard]] bool busy() const { return !board.started.empty() || !board.over.empty(); }
};

struct World : Machine<Scripted> {
    Board board;
    World() { restart(); }
    void restart() {
        board.started.clear();
        begin(false, board);
        open();
    }
    // A receive with nothing to deliver.
    void open() {
        (void)disk->before_receive();
        (void)disk->before_receive();
    }
    void end(std::size_t index, End end = End::done) {
        board.over.emplace_back(board.started[index].token, end);
        board.started.erase(board.started.begin() + static_cast<std::ptrdiff_t>(index));
        disk->interrupt();
    }
    [[nodiscard]] std::vector<std::uint64_t> sectors() const {
        std::vector<std::uint64_t> out;
        for (const Started& s : board.started) out.push_back(s.command.sector);
        return out;
    }
    Error error_of(std::uint64_t control) { return host.answers.at(control).error; }
};
using Sectors = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what touches the same sectors is done in order", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(4, 1);
    w.write(0, 100, 4096, area);
    w.read(0, 200, 4096, area, 0, 3);
    w.read(0, 104, 512, area, 0, 3);  // inside the write
    w.read(0, 300, 512, area, 0, 3);  // would be free to go, but nothing is overtaken
    CHECK(w.sectors() == Sectors{100, 200});
    w.end(1);
    CHECK(w.sectors() == Sectors{100});
    w.end(0);
    CHECK(w.sectors() == Sectors{104, 300});
    w.read(0, 104, 512, area, 0, 3);
    CHECK(w.sectors() == Sectors{104, 300, 104});  // reads do not mind each other
    w.write(0, 107, 512, area);
    w.write(0, 104, 512, area);
    CHECK(w.sectors() == Sectors{104, 300, 104, 107});
}

TEST_CASE("a flush waits for what came before and is alone", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(1, 1);
    w.write(0, 0, 512, area);
    const auto flush = w.flush(0);
    const auto after = w.write(0, 10, 512, area);
    CHECK(w.board.started.size() == 1);
    w.end(0);
    REQUIRE(w.board.started.size() == 1);
    CHECK(w.board.started[0].command.kind == Kind::flush);
    w.end(0);
    CHECK(w.answered(flush));
    CHECK(!w.answered(after));
    CHECK(w.sectors() == Sectors{10});
    CHECK(w.live->statistics.flushes == 1);
}

TEST_CASE("without a write cache there is nothing to flush", "[disk]") {
    World w;
    w.board.drives[0].unit.flags = 0;
    const auto write = w.write(0, 0, 512, w.filled(1, 1));
    const auto flush = w.flush(0);
    CHECK(!w.answered(flush));
    w.end(0);
    CHECK(w.answered(flush));
    CHECK(w.host.order == std::vector<std::uint64_t>{write, flush});
    CHECK(w.board.started.empty());
}

TEST_CASE("a write through the cache is flushed where the drive cannot do it", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(1, 1);
    w.write(0, 0, 512, area, block::transfer_flag::through);
    CHECK(w.board.started[0].command.through);
    w.end(0);
    w.board.drives[0].unit.flags = block::unit_flag::write_cache;
    const auto write = w.write(0, 0, 512, area, block::transfer_flag::through);
    CHECK(!w.board.started[0].command.through);
    w.end(0);
    CHECK(!w.answered(write));
    CHECK(w.board.started.at(0).command.kind == Kind::flush);
    w.end(0);
    CHECK(w.error_of(write) == Error::none);
    CHECK(w.host.answers.at(write).value == 512);
}

TEST_CASE("what makes no sense is refused, and areas go back", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(2, 1);
    const auto refused = [&](const block::Transfer& transfer, Kind kind, std::uint32_t flags, std::uint64_t data) {
        const auto control = w.call_with(transfer, flags, data);
        w.deliver(control, kind);
        if (!w.answered(control)) return Error::none;
        const Answer& answer = w.host.answers.at(control);
        if ((flags & flag::data_mask) == 1 && data != 0) CHECK(answer.data.address() == data);
        return answer.error;
    };
    const block::Transfer good{0, 0, 0, 0, 512};
    for (const std::uint32_t bytes : {0U, 1U, 511U, 513U, 8193U, 8704U, 0xffff'fe00U, block::max_transfer_bytes + 512})
        CHECK(refused({0, 0, 0, 0, bytes}, Kind::read, 1, area) == Error::invalid_argument);
    for (const std::uint32_t offset : {1U, 2U, 256U, 8192U, 7681U, 0xffff'fe00U})
        CHECK(refused({0, 0, 0, offset, 512}, Kind::read, 1, area) == Error::invalid_argument);
    CHECK(refused({0, 0, 0, 7680, 1024}, Kind::read, 1, area) == Error::invalid_argument);
    for (const std::uint64_t sector : {std::uint64_t{100'000}, ~std::uint64_t{0}, ~std::uint64_t{0} >> 9})
        CHECK(refused({0, 0, sector, 0, 512}, Kind::read, 1, area) == Error::invalid_argument);
    CHECK(refused({0, 0, 99'999, 0, 1024}, Kind::read, 1, area) == Error::invalid_argument);
    CHECK(refused({2, 0, 0, 0, 512}, Kind::read, 1, area) == Error::not_found);
    CHECK(refused({0xffff'ffff, 0, 0, 0, 512}, Kind::read, 1, area) == Error::not_found);
    CHECK(refused({0, 1, 0, 0, 512}, Kind::read, 1, area) == Error::invalid_argument);   // through: of a read
    CHECK(refused({0, 2, 0, 0, 512}, Kind::write, 1, area) == Error::invalid_argument);  // no such flag
    CHECK(refused(good, Kind::read, 0, 0) == Error::invalid_argument);
    CHECK(refused(good, Kind::read, 2, area) == Error::invalid_argument);  // lent to be read only
    CHECK(refused(good, Kind::read, 1, 0x1000) == Error::invalid_argument);
    CHECK(refused(good, Kind::read, 1, area + 4096) == Error::invalid_argument);
    w.board.drives[0].unit.flags |= block::unit_flag::read_only;
    CHECK(refused(good, Kind::write, 1, area) == Error::read_only);
    CHECK(refused(good, Kind::read, 1, area) == Error::none);
    const auto flush = w.call_with(block::UnitId{0, 0}, 1, area);
    w.deliver(flush, Kind::flush);
    CHECK(w.error_of(flush) == Error::invalid_argument);
    CHECK(w.host.answers.at(flush).data.address() == area);
}

TEST_CASE("lists that make no sense are refused", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(2, 1);
    const auto refused = [&](const block::Transfer& transfer, const std::vector<ant::abi::DataListEntry>& areas) {
        const auto control = w.list_call(transfer, areas);
        w.deliver(control, Kind::read);
        return w.answered(control) ? w.error_of(control) : Error::none;
    };
    CHECK(refused({0, 0, 0, 0, 512}, {}) == Error::invalid_argument);
    CHECK(refused({0, 0, 0, 512, 512}, {{area, 2, 1}}) == Error::invalid_argument);               // an offset
    CHECK(refused({0, 0, 0, 0, 12288}, {{area, 2, 1}}) == Error::invalid_argument);               // too short
    CHECK(refused({0, 0, 0, 0, 8192}, {{area, 2, 1}, {area, 2, 1}}) == Error::invalid_argument);  // the last is not used
    CHECK(refused({0, 0, 0, 0, 8704}, {{area, 2, 1}, {area, 2, 2}}) == Error::invalid_argument);  // read-only
    CHECK(refused({0, 0, 0, 0, 8704}, {{area, 2, 1}, {0, 2, 1}}) == Error::invalid_argument);
    CHECK(refused({0, 0, 0, 0, 8704}, {{area, 2, 1}, {area, 2, 3}}) == Error::invalid_argument);  // moved and lent
    CHECK(refused({0, 0, 0, 0, 8704}, {{area, 2, 3}, {area, 2, 3}}) == Error::none);
    // Parameters that end before the list does.
    const auto control = w.list_call({0, 0, 0, 0, 8704}, {{area, 2, 1}, {area, 2, 1}});
    reinterpret_cast<ControlIca*>(control)->frames[0].parameter_bytes -= 8;
    w.deliver(control, Kind::read);
    CHECK(w.error_of(control) == Error::invalid_argument);
}

TEST_CASE("pieces of a list, cut into commands", "[disk]") {
    World w;
    w.board.drives[0].max_sectors = 16;
    const std::uint64_t a = w.filled(1, 1), b = w.filled(3, 1), c = w.filled(2, 1);
    const auto call = w.list_call({0, 0, 40, 0, 4096 + 12288 + 1024}, {{a, 1, 1}, {b, 3, 1}, {c, 2, 1}});
    w.deliver(call, Kind::read);
    const auto physical = [](std::uint64_t address) { return static_cast<std::uint32_t>(address - ant::abi::ica_base); };
    const auto pieces = [&] {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
        for (const Piece& piece : w.board.started.at(0).pieces) out.emplace_back(piece.physical, piece.bytes);
        return out;
    };
    using List = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    CHECK(pieces() == List{{physical(a), 4096}, {physical(b), 4096}});
    CHECK(w.board.started[0].command.sectors == 16);
    w.end(0);
    CHECK(w.board.started[0].command.sector == 56);
    CHECK(pieces() == List{{physical(b) + 4096, 8192}});
    w.end(0, End::failed);
    CHECK(w.board.started[0].command.sector == 56);
    w.end(0);
    CHECK(pieces() == List{{physical(c), 1024}});
    w.end(0);
    REQUIRE(w.answered(call));
    CHECK(w.host.answers.at(call).value == 17408);
    CHECK(w.host.answers.at(call).list);
    const auto* list = reinterpret_cast<const ant::abi::DataList*>(call + ant::abi::parameter_base);
    REQUIRE(list->count == 3);  // all go back
    CHECK(list->entries[2].address == c);
}

TEST_CASE("errors: tried again, then told", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(1, 1);
    const auto good = w.read(0, 0, 512, area);
    for (unsigned i = 1; i < max_attempts; ++i) w.end(0, End::failed);
    CHECK(!w.answered(good));
    w.end(0);
    CHECK(w.error_of(good) == Error::none);
    const auto bad = w.read(0, 0, 512, area);
    for (unsigned i = 0; i < max_attempts; ++i) w.end(0, End::failed);
    CHECK(w.error_of(bad) == Error::io_error);
    CHECK(w.host.answers.at(bad).data.address() == area);
    const auto damaged = w.read(0, 0, 512, area);
    for (unsigned i = 0; i < damage_attempts; ++i) w.end(0, End::damaged);
    CHECK(w.error_of(damaged) == Error::io_error);
    const auto unlucky = w.read(0, 0, 512, area);
    for (unsigned i = 0; i < 3 * max_attempts; ++i) w.end(0, End::withdrawn);
    w.end(0);
    CHECK(w.error_of(unlucky) == Error::none);
    CHECK(w.live->statistics.errors == 2);
    CHECK(w.live->statistics.reads == 2);
    CHECK(w.live->statistics.retries == 2 * (max_attempts - 1) + damage_attempts - 1);
}

TEST_CASE("a drive that is gone fails what waits for it, and nothing else", "[disk]") {
    World w;
    w.board.depth = 1;
    const std::uint64_t area = w.filled(1, 1);
    const auto first = w.read(0, 0, 512, area), second = w.read(0, 8, 512, area), other = w.read(1, 0, 512, area);
    w.end(0, End::gone);
    CHECK(w.error_of(first) == Error::io_error);
    CHECK(w.error_of(second) == Error::io_error);
    w.end(0);
    CHECK(w.error_of(other) == Error::none);
}

TEST_CASE("what takes too long is reset, and given up in the end", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(1, 1);
    const auto late = w.read(0, 0, 512, area), beside = w.read(0, 8, 512, area);
    for (unsigned resets = 0; resets < max_attempts; ++resets) {
        CHECK(!w.answered(late));
        CHECK(w.board.resets == resets);
        w.open();  // looks
        w.host.clock += transfer_limit_us;
        w.open();
    }
    CHECK(w.error_of(late) == Error::io_error);
    CHECK(!w.answered(beside));
    w.end(0);
    CHECK(w.error_of(beside) == Error::none);
    CHECK(w.live->statistics.timeouts == max_attempts);
    CHECK(w.disk->before_receive() == ant::no_limit);
}

TEST_CASE("a full table refuses", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(1, 1);
    std::vector<std::uint64_t> held;
    for (unsigned i = 0; i < max_requests; ++i) held.push_back(w.read(0, i, 512, area, 0, 3));
    const auto refused = w.read(0, 0, 512, area);
    CHECK(w.error_of(refused) == Error::queue_full);
    while (!w.board.started.empty()) w.end(0);
    for (const std::uint64_t control : held) CHECK(w.error_of(control) == Error::none);
    const auto again = w.read(0, 0, 512, area);
    w.end(0);
    CHECK(w.error_of(again) == Error::none);
}

TEST_CASE("calls wait until the drives are known", "[disk]") {
    World w;
    w.board.known = false;
    w.begin(false, w.board);
    const std::uint64_t area = w.filled(1, 1);
    const auto good = w.read(1, 0, 512, area), bad = w.read(0, 100'000, 512, area), none = w.read(7, 0, 512, area);
    const std::uint64_t units = w.make_call(0, 0, sizeof(block::Units));
    CHECK(w.disk->units(ant::Call{units}).kind == Outcome::Kind::deferred);
    w.open();
    CHECK(w.host.answers.empty());
    w.board.known = true;
    w.open();
    CHECK(w.error_of(bad) == Error::invalid_argument);
    CHECK(w.host.answers.at(bad).data.address() == area);
    CHECK(w.error_of(none) == Error::not_found);
    CHECK(w.error_of(units) == Error::none);
    CHECK(reinterpret_cast<const block::Units*>(units + ant::abi::parameter_base)->count == 2);
    w.end(0);
    CHECK(w.error_of(good) == Error::none);
}

TEST_CASE("after a failure requests have the order in which they came first", "[disk]") {
    World w;
    w.board.depth = 1;
    const std::uint64_t area = w.filled(1, 1);
    const auto done = w.write(0, 0, 512, area);
    const auto a = w.write(0, 1, 512, area), b = w.write(0, 2, 512, area), c = w.write(0, 3, 512, area);
    w.end(0);
    CHECK(w.answered(done));
    // The process fails in the middle of the next call, before or after it has put it aside.
    const auto current = w.call_with(block::Transfer{0, 0, 4, 0, 512}, 2, area);
    w.kinds[current] = Kind::write;
    const bool noted = GENERATE(false, true);
    if (noted) {
        w.deliver(current, Kind::write);
        w.calls.pop_back();
    }
    for (unsigned round = 0; round < 3; ++round) {
        w.board.started.clear();
        w.begin(false, w.board);
        w.deliver_again(round == 0 ? std::optional{current} : std::nullopt);
        CHECK(w.board.started.empty());  // not before all of them are here
    }
    const auto later = w.write(0, 5, 512, area);
    w.open();
    Sectors order;
    while (!w.board.started.empty()) {
        order.push_back(w.board.started[0].command.sector);
        w.end(0);
    }
    CHECK(order == Sectors{1, 2, 3, 4, 5});
    for (const std::uint64_t control : {a, b, c, current, later}) CHECK(w.error_of(control) == Error::none);
}

TEST_CASE("a planned replacement hands over what is under way", "[disk]") {
    World w;
    const std::uint64_t area = w.filled(4, 1), before = w.host.clock;
    const auto write = w.write(0, 0, 512, area);
    const auto read = w.read(0, 8, 512, area, 0, 3);
    const auto same = w.read(0, 0, 512, area, 0, 3);  // waits for the write
    const auto other = w.read(1, 0, 512, area, 0, 3);
    REQUIRE(w.board.started.size() == 3);
    CHECK(w.disk->stop());
    CHECK(w.host.clock == before);
    SECTION("to the next process, however the calls come") {
        std::rotate(w.calls.begin(), w.calls.begin() + 2, w.calls.end());
        w.begin(true, w.board);
        w.disk->resume();
        w.end(1);  // of a call that is still to come
        CHECK(!w.answered(read));
        w.deliver_again();
        w.open();
        w.disk->interrupt();  // the line is still raised
        CHECK(w.answered(read));
        CHECK(w.sectors() == Sectors{0, 0});
        w.end(0);
        CHECK(w.answered(write));
        CHECK(w.board.started.back().command.sector == 0);
        w.end(0);
        w.end(0);
    }
    SECTION("to nobody, when it is called off") {
        w.open();
        while (!w.board.started.empty()) w.end(0);
        CHECK(!w.live->arrivals.any_handed_over());
    }
    for (const std::uint64_t control : {write, read, same, other}) CHECK(w.error_of(control) == Error::none);
}

TEST_CASE("units keep their numbers", "[disk]") {
    World w;
    w.board.drives[0].present = false;
    w.restart();
    const std::uint64_t area = w.filled(1, 1);
    CHECK(w.error_of(w.read(0, 0, 512, area)) == Error::io_error);
    const auto other = w.read(1, 0, 512, area);
    w.end(0);
    CHECK(w.error_of(other) == Error::none);
    CHECK(w.units.list().unit[0].sectors == 0);
    CHECK(w.units.list().unit[0].serial[0] == 'A');
    // Another drive at that port is another unit.
    w.board.drives[0].present = true;
    w.board.drives[0].unit.serial[0] = 'C';
    w.restart();
    CHECK(w.units.count() == 3);
    CHECK(w.units.port(0) == UnitTable::no_port);
    CHECK(w.units.port(1) == 1);
    CHECK(w.units.port(2) == 0);
    w.board.drives[0].unit.serial[0] = 'A';
    w.restart();
    CHECK(w.units.port(0) == 0);
    CHECK(w.units.port(2) == UnitTable::no_port);
}

}  // namespace disk::test
