// What the guardian asks the core for when slots are vacant and calls come again; the core is played.
#include <servers/guardian/recovery.hpp>
#include <servers/guardian/starts.hpp>

#include <ant/state.hpp>
#include <tests/host/libant/fake_core.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

using namespace ant;
using namespace ant::guardian_server;
using fake::on;
using sys::Raw;
using sys::Syscall;

namespace {

// The least that read_manifest takes for a program: ELF header, one program header, one note.
std::vector<std::byte> program_file(const char* name, std::uint32_t pci_class = 0, std::uint32_t mask = 0xff'ffff) {
    constexpr std::size_t header_bytes = 64, segment_bytes = 56;
    abi::ManifestNote note;
    std::strcpy(note.manifest.name, name);
    note.manifest.pci_class = pci_class;
    note.manifest.pci_class_mask = mask;
    std::vector<std::byte> file(header_bytes + segment_bytes + sizeof note);
    const auto put = [&](std::size_t at, std::uint64_t value, std::size_t bytes) { std::memcpy(&file[at], &value, bytes); };
    put(0, 0x0001'0102'464c'457f, 8);
    put(16, 2, 2);
    put(18, 62, 2);
    put(32, header_bytes, 8);
    put(54, segment_bytes, 2);
    put(56, 1, 2);
    put(header_bytes, 4, 4);
    put(header_bytes + 8, header_bytes + segment_bytes, 8);
    put(header_bytes + 32, sizeof note, 8);
    std::memcpy(&file[header_bytes + segment_bytes], &note, sizeof note);
    return file;
}

void add_file(std::vector<std::byte>& archive, const std::string& name, const std::vector<std::byte>& contents) {
    constexpr std::size_t block = 512;
    std::vector<char> header(block, '\0');
    std::memcpy(header.data(), name.data(), name.size());
    std::snprintf(&header[124], 12, "%011zo", contents.size());
    header[156] = '0';
    std::memset(&header[148], ' ', 8);
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(&header[148], 8, "%06o", sum);
    for (const char c : header) archive.push_back(static_cast<std::byte>(c));
    archive.insert(archive.end(), contents.begin(), contents.end());
    archive.resize((archive.size() + block - 1) / block * block);
}

struct Replaced {
    std::string slot, program;
    std::uint32_t image, probation_us;
    bool distrust;
};

// A guardian without its main loop: programs a, b; whatever slots, faults and processes a test says there are.
struct World {
    fake::Core& core = fake::Core::get();
    std::vector<std::byte> archive;
    std::vector<abi::ServerRecord> servers;
    std::vector<abi::FaultRecord> faults;
    std::vector<abi::ProcessRecord> processes;
    std::vector<Replaced> replaced;
    std::vector<std::uint32_t> ended_slots, released_images;
    Error replace_error = Error::none;
    std::uint32_t images = 0, created = 0, ended = 0;

    State state;
    Programs programs{state};
    BootConfig config;
    Listings listings;
    Notices notices;
    Recovery recovery{state, programs, config, listings, notices};
    Launcher launcher{state, programs, config, listings};
    Starts starts{state, launcher, listings};

    World() {
        core.reset();
        on(Syscall::list) = [this](const fake::Call& call) { return list(call); };
        on(Syscall::image_create) = [this](const fake::Call&) { return Raw{Error::none, ++images, 0, 0, 0, 0}; };
        on(Syscall::image_release) = [this](const fake::Call& call) {
            released_images.push_back(static_cast<std::uint32_t>(call.a));
            return Raw{};
        };
        on(Syscall::server_replace) = [this](const fake::Call& call) { return replace(call); };
        on(Syscall::slot_end) = [this](const fake::Call& call) {
            ended_slots.push_back(static_cast<std::uint32_t>(call.a));
            return Raw{};
        };
        on(Syscall::process_create) = [this](const fake::Call&) { return Raw{Error::none, 100 + ++created, 9, 0, 0, 0}; };
        for (const char* name : {"a", "b"}) add_file(archive, name, program_file(name));
        add_file(archive, "ide", program_file("ide", 0x01'0180, 0xff'ff80));
        add_file(archive, "sata", program_file("sata", 0x01'0601));
        Root& root = state.root;
        const auto area = [&](std::size_t bytes) { return AreaBytes{core.reserve(pages_for(bytes)), bytes}; };
        root.listings = area(Listings::area_bytes);
        root.journal = area(sizeof(Journal));
        root.catalogue = area(sizeof(Catalogue));
        listings.use(root.listings.address);
        programs.load({reinterpret_cast<std::uint64_t>(archive.data()), archive.size()}, {});
        REQUIRE(state.create());
        programs.save();
        state.save_root();
    }

    template <class Record>
    Raw copy(const fake::Call& call, const std::vector<Record>& records) {
        const std::size_t start = std::min<std::size_t>(call.c, records.size());
        const std::size_t count = std::min(records.size() - start, Listings::area_bytes / sizeof(Record));
        std::copy_n(records.begin() + static_cast<std::ptrdiff_t>(start), count, reinterpret_cast<Record*>(call.b));
        return {Error::none, count, sizeof(Record), 0, 0, 0};
    }
    Raw list_faults(fake::Call call) {
        if (call.c >> 63 == 0) return copy(call, faults);
        std::vector<abi::FaultRecord> newer;
        for (const abi::FaultRecord& fault : faults)
            if (fault.number > static_cast<std::uint32_t>(call.c)) newer.push_back(fault);
        call.c = 0;
        return copy(call, newer);
    }
    Raw list(const fake::Call& call) {
        switch (static_cast<abi::ListKind>(call.a)) {
            case abi::ListKind::servers:
                return copy(call, servers);
            case abi::ListKind::faults:
                return list_faults(call);
            case abi::ListKind::processes:
                return copy(call, processes);
            default:
                return fake::failed(Error::invalid_argument);
        }
    }
    Raw replace(const fake::Call& call) {
        const auto& request = *reinterpret_cast<const abi::ReplaceRequest*>(call.a);
        if (replace_error != Error::none) return fake::failed(std::exchange(replace_error, Error::none));
        replaced.push_back({request.name, request.program, request.image, request.probation_us, request.distrust != 0});
        return {Error::none, replaced.size(), 0, 0, 0, 0};
    }

    // Slot s runs `program` as process `pid`, which then fails.
    abi::ServerRecord& serves(const char* program, std::uint32_t pid) {
        if (servers.empty()) servers.emplace_back();
        abi::ServerRecord& server = servers.front();
        server.slot = 5;
        server.pid = pid;
        server.vacant = 0;
        std::strcpy(server.name, "s");
        std::strcpy(server.program, program);
        return server;
    }
    void fails(std::uint32_t vector = 14) {
        abi::ServerRecord& server = servers.front();
        abi::FaultRecord fault{};
        fault.pid = server.pid;
        fault.slot = server.slot;
        fault.vector = vector;
        fault.time_ns = clock_ns();
        fault.number = static_cast<std::uint32_t>(faults.size() + 1);
        fault.vacant = server.vacant = 1;
        std::memcpy(fault.name, server.name, sizeof fault.name);
        std::memcpy(fault.program, server.program, sizeof fault.program);
        server.pid = 0;
        faults.push_back(fault);
        recovery.look();
    }
    // What was asked for last ends well, or not.
    void comes_back(Error error = Error::none) {
        abi::ReplaceResult result{};
        std::strcpy(result.name, "s");
        result.error = error;
        if (error == Error::none) serves(replaced.back().program.c_str(), 50 + static_cast<std::uint32_t>(replaced.size()));
        recovery.ended(result);
    }
    // A call of `start` in a control ICA.
    Call start_call(std::uint64_t id, std::uint32_t wait) {
        const std::uint64_t control = core.reserve(1);
        auto& page = *reinterpret_cast<abi::ControlIca*>(control);
        page.call_id = id;
        page.currentp = reinterpret_cast<std::uint64_t>(&page.frames[0]);
        page.frames[0].parameters = control + abi::parameter_base;
        page.frames[0].parameter_bytes = sizeof(guardian::Start);
        auto& request = *reinterpret_cast<guardian::Start*>(control + abi::parameter_base);
        std::strcpy(request.program, "a");
        request.wait = wait;
        return Call{control};
    }
    // As the core delivers it when an earlier process of the slot has had it.
    Call start_call_again(std::uint64_t id, std::uint32_t wait) {
        const Call call = start_call(id, wait);
        reinterpret_cast<abi::ControlIca*>(call.control())->frames[0].flags = abi::flag::redelivered;
        return call;
    }
    void ends(std::uint32_t pid, std::uint32_t status = 0) {
        abi::FaultRecord fault{};
        fault.pid = pid;
        fault.vector = abi::fault_vector::exit;
        fault.exit_status = status;
        fault.number = ++ended;
        faults.push_back(fault);
        if (faults.size() > abi::max_fault_records) faults.erase(faults.begin());
    }
};

}  // namespace

TEST_CASE("a vacant slot gets the program that it ran", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.fails();
    REQUIRE(world.replaced.size() == 1);
    CHECK(world.replaced[0].slot == "s");
    CHECK(world.replaced[0].program == "a");
    CHECK(world.replaced[0].probation_us == 0);
    world.recovery.look();  // it is under way
    CHECK(world.replaced.size() == 1);
    world.comes_back();
    world.fails();
    CHECK(world.replaced.size() == 2);
}

TEST_CASE("a program that fails on probation makes way for the one before", "[guardian]") {
    World world;
    world.serves("b", 4);
    world.recovery.replaced("s", "a", "b", 10'000'000);
    world.fails(abi::fault_vector::kill);  // somebody's wish, not the program's failure
    REQUIRE(world.replaced.size() == 1);
    CHECK(world.replaced[0].program == "b");
    CHECK(world.replaced[0].probation_us > 0);
    world.comes_back();
    world.fails();
    REQUIRE(world.replaced.size() == 2);
    CHECK(world.replaced[1].program == "a");
    CHECK(world.replaced[1].probation_us == 0);
}

TEST_CASE("a program on probation that does not come back makes way too", "[guardian]") {
    World world;
    world.serves("b", 4);
    world.recovery.replaced("s", "a", "b", 10'000'000);
    world.fails(abi::fault_vector::kill);
    world.comes_back(Error::not_registered);
    world.recovery.look();
    REQUIRE(world.replaced.size() == 2);
    CHECK(world.replaced[1].program == "a");
}

TEST_CASE("a slot that is replaced by somebody else is looked at again", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.replace_error = Error::busy;
    world.fails();
    CHECK(world.replaced.empty());
    CHECK(world.recovery.pause_us() != no_limit);
    world.recovery.look();
    CHECK(world.replaced.size() == 1);
}

TEST_CASE("a slot whose processes fail one after the other starts without its state, and that is said", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.fails();
    for (unsigned i = 0; i < policy::distrustful_failures; ++i) {
        CHECK(!world.replaced.back().distrust);
        world.comes_back(Error::exited_early);
    }
    CHECK(world.core.log.find("without its state") == std::string::npos);
    while (!world.replaced.back().distrust) world.recovery.look();
    CHECK(world.core.log.find("s starts without its state") != std::string::npos);
}

TEST_CASE("a slot whose next process never comes is given up", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.fails();
    for (unsigned i = 0; i < policy::most_failures; ++i) world.comes_back(Error::exited_early);
    world.recovery.look();
    CHECK(world.ended_slots == std::vector<std::uint32_t>{5});
    CHECK(world.core.log.find("given up") != std::string::npos);
}

TEST_CASE("a slot whose program is not known is given up", "[guardian]") {
    World world;
    world.serves("c", 4);
    world.fails();
    CHECK(world.replaced.empty());
    CHECK(world.ended_slots == std::vector<std::uint32_t>{5});
}

TEST_CASE("the next guardian counts no fault twice", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.fails();
    for (unsigned i = 0; i < 3; ++i) {
        world.comes_back();
        world.fails();
    }
    SlotRecord before{}, after{};
    REQUIRE(world.state.slots.load(0, before) == Records<SlotRecord>::Found::good);
    Recovery next{world.state, world.programs, world.config, world.listings, world.notices};
    next.look();
    REQUIRE(world.state.slots.load(0, after) == Records<SlotRecord>::Found::good);
    CHECK(after.streak == before.streak);
    CHECK(after.handled == 4);
}

TEST_CASE("a damaged image is made anew from the archive", "[guardian]") {
    World world;
    world.serves("a", 4);
    world.replace_error = Error::bad_image;
    world.fails();
    REQUIRE(world.replaced.size() == 1);
    CHECK(world.released_images == std::vector<std::uint32_t>{1});
    CHECK(world.replaced[0].image == 2);
}

TEST_CASE("an archive that is damaged itself gives no image", "[guardian]") {
    World world;
    world.serves("a", 4);
    REQUIRE(world.programs.image(*world.programs.find("a")));
    const std::uint64_t file = world.programs.find("a")->file.address;
    *reinterpret_cast<unsigned char*>(file + 200) ^= 1;
    world.replace_error = Error::bad_image;
    world.fails();
    CHECK(world.replaced.empty());
    CHECK(world.images == 1);
}

TEST_CASE("the next guardian finds programs and images", "[guardian]") {
    World world;
    const auto image = world.programs.image(*world.programs.find("b"));
    State state;
    const sys::State registered{world.core.of(Syscall::state_register).back().a, state_format};
    world.state.root.catalogue_check = state_checksum(&world.state.catalogue(), sizeof(Catalogue));
    world.state.save_root();
    REQUIRE(state.adopt(registered));
    Programs programs{state};
    programs.restore();
    REQUIRE(programs.find("b") != nullptr);
    const auto again = programs.image(*programs.find("b"));
    REQUIRE((image && again));
    CHECK(*again == *image);
    CHECK(world.images == 1);
}

TEST_CASE("programs for several kinds of cards share the names of slots", "[guardian]") {
    World world;
    const std::map<std::uint64_t, std::uint32_t> cards{
        {9, 0x01'0180}, {32, 0x01'0601}, {40, 0x01'010a}, {48, 0x01'018a}, {56, 0x01'0601}};  // 40: no bus master
    on(Syscall::pci_read) = [&cards](const fake::Call& call) {
        if (call.a == 8) return Raw{Error::none, call.b == 0 ? 0x7000'8086U : call.b == 0x0c ? 0x80'0000U : 0U, 0, 0, 0, 0};
        const auto card = cards.find(call.a);
        if (card == cards.end()) return Raw{Error::none, 0xffff'ffff, 0, 0, 0, 0};
        return Raw{Error::none, call.b == 0 ? 0x7010'8086U : call.b == 8 ? std::uint64_t{card->second} << 8 : 0U, 0, 0, 0, 0};
    };
    std::vector<std::string> made;
    on(Syscall::process_create) = [&made](const fake::Call& call) {
        const auto& request = *reinterpret_cast<const abi::ProcessRequest*>(call.a);
        made.push_back(std::string{request.name} + "=" + request.program + "@" + std::to_string(request.device));
        return Raw{Error::none, 100 + made.size(), 9, 0, 0, 0};
    };
    world.config.parse("start ide as disk for-each-pci\nstart sata as disk for-each-pci\nstart none as disk for-each-pci\n",
                       [](unsigned, const char*) { FAIL(); });
    world.launcher.find_cards();
    for (const Rule& rule : world.config.rules()) (void)world.launcher.start_cards(rule);
    CHECK(made == std::vector<std::string>{"disk=ide@9", "disk.2=ide@48", "disk.1=sata@32", "disk.3=sata@56"});
    // Started by hand, a program gets a card of its own kind.
    const auto slot = world.launcher.slot_for({"sata", "", {}});
    REQUIRE(slot);
    CHECK(slot->view() == "disk.1");
    CHECK(world.launcher.start({"sata", "disk.3", {}}));
    CHECK(made.back() == "disk.3=sata@56");
    CHECK(!world.launcher.start({"sata", "disk", {}}));
}

TEST_CASE("a start that is delivered again makes no second process", "[guardian]") {
    World world;
    abi::ProcessRecord process{};
    process.pid = 101;
    world.processes.push_back(process);
    CHECK(world.starts.begin(world.start_call(77, 1)).kind == Outcome::Kind::deferred);
    CHECK(world.created == 1);
    Starts next{world.state, world.launcher, world.listings};
    CHECK(next.begin(world.start_call_again(77, 1)).kind == Outcome::Kind::deferred);
    CHECK(world.created == 1);
    CHECK(next.begin(world.start_call(78, 0)).error == Error::none);
    CHECK(world.created == 2);
}

TEST_CASE("who waits for a process is answered when it has ended, whatever else ends", "[guardian]") {
    World world;
    abi::ProcessRecord process{};
    process.pid = 101;
    world.processes.push_back(process);
    const Call call = world.start_call(77, 1);
    CHECK(world.starts.begin(call).kind == Outcome::Kind::deferred);
    const auto& started = call.params<guardian::Started>();
    const auto others_end = [&world](unsigned count) {
        for (unsigned i = 0; i < count; ++i) world.ends(500 + i);
        world.starts.processes_ended();
    };
    const auto answers = [&world] { return world.core.of(Syscall::reply).size(); };
    for (unsigned round = 0; round < 3; ++round) others_end(abi::max_fault_records / 2);
    CHECK(answers() == 0);
    SECTION("its record is there") {
        world.ends(101, 3);
        others_end(abi::max_fault_records - 1);
        CHECK(started.fault == 0);
        CHECK(started.exit_status == 3);
    }
    SECTION("records have been lost, not its own") {
        others_end(abi::max_fault_records + 1);
        CHECK(answers() == 0);
        world.ends(101, 4);
        world.starts.processes_ended();
        CHECK(started.exit_status == 4);
    }
    SECTION("its record has been lost") {
        world.ends(101, 3);
        world.processes.clear();
        others_end(abi::max_fault_records);
        CHECK(started.fault != 0);
    }
    CHECK(answers() == 1);
    CHECK(started.pid == 101);
}

TEST_CASE("a start that was interrupted is finished, whatever had been done", "[guardian]") {
    World world;
    world.state.starts.commit(0, {77, Name{"a"}, 0, 0, 0, 0});
    const auto started = [&](Call call) { return call.params<guardian::Started>(); };
    SECTION("nothing") {
        const Call call = world.start_call_again(77, 0);
        CHECK(world.starts.begin(call).error == Error::none);
        CHECK(world.created == 1);
        CHECK(started(call).pid == 101);
    }
    SECTION("the process is there") {
        abi::ServerRecord& server = world.serves("a", 44);
        std::strcpy(server.name, "a");
        const Call call = world.start_call_again(77, 0);
        CHECK(world.starts.begin(call).error == Error::none);
        CHECK(world.created == 0);
        CHECK(started(call).pid == 44);
    }
    SECTION("the process has been there, and has ended") {
        abi::FaultRecord fault{};
        fault.pid = 44;
        fault.number = 1;
        std::strcpy(fault.name, "a");
        world.faults.push_back(fault);
        const Call call = world.start_call_again(77, 0);
        CHECK(world.starts.begin(call).error == Error::none);
        CHECK(world.created == 0);
        CHECK(started(call).pid == 44);
    }
}

TEST_CASE("a guardian that fails while the core makes an image leaves none behind", "[guardian]") {
    World w;
    on(Syscall::image_create) = [&w](const fake::Call&) {
        Programs next{w.state};  // of the guardian that goes on from here
        next.restore();
        CHECK(w.released_images == std::vector{abi::all_images});
        CHECK(next.find("a")->image == 0);
        return Raw{Error::none, 7, 0, 0, 0, 0};
    };
    CHECK(w.programs.image(*w.programs.find("a")) == 7);
}
