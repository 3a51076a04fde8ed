// The ATA driver, common part included, against a model of the chip and its drives.
#include "fixture.hpp"

#include <drivers/ata/controller.hpp>
#include <tests/host/model/ide_chip.hpp>

#include <random>

namespace disk::test {
namespace {

namespace block = ant::block;
using ide::model::Chip;
using ControllerUnderTest = ata::Controller<Chip, TestHost>;
constexpr std::array<ata::Ports, 2> ports{ata::Ports{0x1f0, 0x3f6, 0xc000}, ata::Ports{0x170, 0x376, 0xc008}};

// Port 0: a disk, port 2: the boot CD, port 3: another disk beside it.
struct World : Machine<ControllerUnderTest> {
    Chip chip{{ant::abi::ica_base, Arena::first - ant::abi::ica_base, Arena::first - ant::abi::ica_base + Arena::bytes},
              host.clock};

    explicit World(bool boots = true) {
        add(0, "S1", 200'000);
        chip.device(2).kind = ide::model::Kind::packet;
        add(3, "S2", std::uint64_t{1} << 33);
        if (boots) boot();
    }
    void add(unsigned port, const char* serial, std::uint64_t sectors) {
        chip.device(port).kind = ide::model::Kind::disk;
        chip.device(port).serial = serial;
        chip.device(port).sectors = sectors;
    }
    void begin_anew() {
        begin(false, chip, host, ports);
        REQUIRE(controller->begin([this] { CHECK(!chip.dma_active()); }) == Error::none);
        chip.bus_master = true;
    }
    void boot() {
        begin_anew();
        run([this] { return controller->settled() && !controller->busy(); });
        step();
    }
    // What the core does when the process fails.
    void crash(std::optional<std::uint64_t> current = {}) {
        chip.bus_master = false;
        begin_anew();
        deliver_again(current);
        disk->interrupt();
    }
    void replace() {
        const bool clean = disk->stop();
        const unsigned accesses = chip.accesses;
        if (!clean) return crash();
        begin(true, chip, host, ports);
        disk->resume();
        CHECK(chip.accesses == accesses);
        deliver_again();
    }
    void step() {
        const std::uint64_t wait = disk->before_receive();
        std::uint64_t us = wait == ant::no_limit ? 1000 : wait == ant::abi::poll ? 0 : wait;
        // Interrupts cut the wait short.
        for (;; us -= std::min<std::uint64_t>(us, 50)) {
            if (chip.run()) return disk->interrupt();
            if (us == 0) return;
            host.clock += std::min<std::uint64_t>(us, 50);
        }
    }
    template <class Done>
    void run(Done done, std::uint64_t limit_us = 200'000'000) {
        const std::uint64_t end = host.clock + limit_us;
        while (!done()) {
            REQUIRE(host.clock < end);
            step();
        }
    }
    Error wait_for(std::uint64_t control) {
        run([&] { return answered(control); });
        return host.answers.at(control).error;
    }
    std::uint8_t byte(unsigned port, std::uint64_t sector) {
        auto& device = chip.device(port);
        if (device.cache.count(sector) != 0) return device.cache[sector][0];
        return device.medium.count(sector) != 0 ? device.medium[sector][0] : 0;
    }
};

}  // namespace

TEST_CASE("drives are found, packet devices left alone", "[ata]") {
    World w;
    const block::Units units = w.units.list();
    REQUIRE(units.count == 2);
    CHECK(units.unit[0].port == 0);
    CHECK(units.unit[0].sectors == 200'000);
    CHECK(std::string_view{units.unit[0].model} == "MODEL DISK");
    CHECK(std::string_view{units.unit[0].serial} == "S1");
    CHECK(units.unit[1].port == 3);
    CHECK(units.unit[1].sectors == std::uint64_t{1} << 33);
    CHECK(w.chip.device(0).mode == 0x45);  // that of the firmware
    CHECK(w.chip.device(2).commands == 0);
    CHECK(w.live->statistics.resets == 0);
}

TEST_CASE("an empty controller has no units", "[ata]") {
    World w{false};
    for (unsigned port = 0; port < 4; ++port) w.chip.device(port).kind = ide::model::Kind::none;
    w.boot();
    CHECK(w.units.count() == 0);
    CHECK(w.disk->before_receive() == ant::no_limit);
}

TEST_CASE("sectors near and far, long and short", "[ata]") {
    World w;
    w.chip.device(3).fua = GENERATE(false, true);
    w.boot();
    const std::uint64_t limit28 = std::uint64_t{1} << 28;
    for (const std::uint64_t sector : {std::uint64_t{0}, limit28 - 8, limit28 - 4, limit28, (std::uint64_t{1} << 33) - 600}) {
        for (const std::uint32_t sectors : {1U, 8U, 256U, 257U, 600U}) {
            const auto value = static_cast<std::uint8_t>(sector + sectors);
            const std::uint64_t from = w.filled(75, value), to = w.filled(75, 0);
            REQUIRE(w.wait_for(w.write(1, sector, sectors * 512, from, value & 1)) == Error::none);
            REQUIRE(w.wait_for(w.read(1, sector, sectors * 512, to)) == Error::none);
            CHECK(std::memcmp(reinterpret_cast<void*>(from), reinterpret_cast<void*>(to), sectors * 512) == 0);
            CHECK(w.byte(3, sector + sectors - 1) == value);
        }
    }
}

TEST_CASE("an old drive has 28 bits", "[ata]") {
    World w{false};
    w.chip.device(0).lba48 = w.chip.device(0).flush_ext = false;
    w.boot();
    const std::uint64_t from = w.filled(1024, 7), to = w.filled(1024, 0);
    REQUIRE(w.wait_for(w.write(0, 3, 1024 * 4096, from)) == Error::none);
    REQUIRE(w.wait_for(w.read(0, 3, 1024 * 4096, to)) == Error::none);
    CHECK(std::memcmp(reinterpret_cast<void*>(from), reinterpret_cast<void*>(to), 1024 * 4096) == 0);
    CHECK(w.wait_for(w.flush(0)) == Error::none);
    CHECK(w.chip.device(0).cache.empty());
}

TEST_CASE("what has been flushed survives the power", "[ata]") {
    World w;
    w.wait_for(w.write(0, 5, 512, w.filled(1, 1)));
    w.wait_for(w.flush(0));
    w.wait_for(w.write(0, 6, 512, w.filled(1, 2), block::transfer_flag::through));
    w.wait_for(w.write(0, 7, 512, w.filled(1, 3)));
    w.chip.power_cut();
    CHECK(w.byte(0, 5) == 1);
    CHECK(w.byte(0, 6) == 2);
    CHECK(w.byte(0, 7) == 0);
}

TEST_CASE("interrupts that are lost, or nobody's", "[ata]") {
    World w;
    auto& device = w.chip.device(0);
    SECTION("the line") { device.lost_interrupts = 1; }
    SECTION("the bus master's bit as well") { device.silent = 1; }
    const std::uint64_t before = w.host.clock;
    CHECK(w.wait_for(w.write(0, 0, 4096, w.filled(1, 9))) == Error::none);
    CHECK(w.host.clock - before < 5 * look_us);
    CHECK(w.live->statistics.resets == 0);
    w.chip.spurious(0);
    w.disk->interrupt();
    CHECK(!w.chip.line(0));  // taken back, or a shared line would never be quiet
    CHECK(w.wait_for(w.read(0, 0, 4096, w.filled(1, 0))) == Error::none);
}

TEST_CASE("errors of the medium and of the cable", "[ata]") {
    World w;
    w.chip.device(0).bad = {77};
    CHECK(w.wait_for(w.read(0, 72, 4096, w.filled(1, 0))) == Error::io_error);
    CHECK(w.wait_for(w.read(0, 78, 4096, w.filled(1, 0))) == Error::none);
    w.chip.device(0).crc_errors = 2;
    CHECK(w.wait_for(w.read(0, 0, 4096, w.filled(1, 0))) == Error::none);
    CHECK(w.live->statistics.retries == 3);
    CHECK(w.live->statistics.resets == 0);
}

TEST_CASE("a command that hangs costs a reset", "[ata]") {
    World w;
    w.chip.device(3).hangs = 1;
    const auto late = w.write(1, 1, 512, w.filled(1, 3)), behind = w.write(1, 2, 512, w.filled(1, 4));
    const auto elsewhere = w.write(0, 1, 512, w.filled(1, 5));
    CHECK(w.wait_for(elsewhere) == Error::none);
    CHECK(!w.answered(late));
    CHECK(w.wait_for(late) == Error::none);
    CHECK(w.wait_for(behind) == Error::none);
    CHECK(w.byte(3, 1) == 3);
    CHECK(w.live->statistics.timeouts == 1);
    CHECK(w.live->statistics.resets == 1);
    w.chip.device(3).hangs = 100;
    CHECK(w.wait_for(w.read(1, 1, 512, w.filled(1, 0))) == Error::io_error);
    w.chip.device(3).hangs = 0;
    CHECK(w.wait_for(w.read(1, 1, 512, w.filled(1, 0))) == Error::none);
}

TEST_CASE("a drive that dies, and comes back", "[ata]") {
    World w;
    w.chip.device(0).hangs = 1;
    w.chip.device(0).dead = true;
    const auto first = w.read(0, 1, 512, w.filled(1, 0)), second = w.read(0, 2, 512, w.filled(1, 0));
    CHECK(w.wait_for(first) == Error::io_error);
    CHECK(w.wait_for(second) == Error::io_error);
    CHECK(w.wait_for(w.read(0, 1, 512, w.filled(1, 0))) == Error::io_error);
    CHECK(w.wait_for(w.read(1, 1, 512, w.filled(1, 0))) == Error::none);
    w.chip.device(0).dead = false;
    CHECK(w.wait_for(w.read(0, 1, 512, w.filled(1, 0))) == Error::none);
    // Another drive in its place is not the same unit.
    w.chip.device(0).serial = "S9";
    w.chip.device(0).hangs = 1;
    CHECK(w.wait_for(w.read(0, 1, 512, w.filled(1, 0))) == Error::io_error);
}

TEST_CASE("anything at any time", "[ata]") {
    const unsigned seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto below = [&random](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    World w;
    struct Job {
        std::uint64_t control;
        unsigned port;
        std::uint64_t sector;
        std::uint32_t sectors;
        std::uint64_t area;
        bool write;
        std::vector<std::uint8_t> expected;
    };
    std::vector<Job> jobs;
    std::map<std::pair<unsigned, std::uint64_t>, std::uint8_t> contents;
    std::uint8_t value = 0;
    const auto submit = [&] {
        Job job{};
        const std::uint32_t unit = below(2);
        job.port = unit == 0 ? 0 : 3;
        job.sector = below(64);
        job.sectors = 1 + below(below(4) == 0 ? 300 : 8);
        job.write = below(2) == 0;
        job.area = w.filled((job.sectors + 7) / 8, job.write ? ++value : 0);
        for (std::uint32_t i = 0; i < job.sectors; ++i) {
            auto& cell = contents[{job.port, job.sector + i}];
            if (job.write) cell = value;
            job.expected.push_back(cell);
        }
        job.control = job.write ? w.write(unit, job.sector, job.sectors * 512, job.area, below(2))
                                : w.read(unit, job.sector, job.sectors * 512, job.area);
        jobs.push_back(job);
    };
    for (unsigned round = 0; round < 400; ++round) {
        if (below(3) != 0) submit();
        auto& device = w.chip.device(below(2) == 0 ? 0 : 3);
        switch (below(40)) {
            case 0:
                w.crash();
                break;
            case 1:
                w.replace();
                break;
            case 2:
                device.hangs = 1;
                break;
            case 3:
                device.lost_interrupts = 1;
                break;
            case 4:
                device.silent = 1;
                break;
            case 5:
                device.crc_errors = 1;
                break;
            case 6:
                w.chip.spurious(below(2));
                w.disk->interrupt();
                break;
            case 7: {  // the newest call is the one in work
                submit();
                const std::uint64_t current = w.calls.back();
                if (w.answered(current)) break;
                w.calls.pop_back();
                w.crash(current);
                break;
            }
            default:
                w.step();
        }
    }
    for (const Job& job : jobs) REQUIRE(w.wait_for(job.control) == Error::none);
    for (const Job& job : jobs) {
        if (job.write) continue;
        for (std::uint32_t i = 0; i < job.sectors; ++i)
            REQUIRE(reinterpret_cast<const std::uint8_t*>(job.area)[i * 512 + 17] == job.expected[i]);
    }
    for (const auto& [where, cell] : contents) REQUIRE(w.byte(where.first, where.second) == cell);
}

}  // namespace disk::test
