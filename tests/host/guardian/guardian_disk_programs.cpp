// Programs from disk: calls, results, errors, late answers and failures of the guardian in any order. The core and the file
// server are played.
#include <servers/guardian/disk_programs.hpp>

#include <tests/host/libant/fake_core.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

using namespace ant;
using namespace ant::guardian_server;
using fake::on;
using sys::Raw;
using sys::Syscall;

namespace {

constexpr std::uint32_t regular = 0100000;

struct File {
    std::vector<std::byte> contents;
    std::uint32_t mode = regular | 0755, user = 0;
};

struct Pending {
    std::uint64_t control, data;
    std::string function;
};

struct World {
    fake::Core& core = fake::Core::get();
    std::map<std::string, File> files;
    std::map<std::uint32_t, std::string> open;  // handles
    std::deque<Pending> pending;
    std::map<std::uint64_t, Error> answers;  // by call
    std::set<std::uint64_t> went_on;
    std::uint32_t next_handle = 1;
    bool served = true;
    unsigned images = 0;
    std::vector<abi::ProcessRecord> processes;

    State state;
    Programs programs{state};
    Listings listings;
    std::unique_ptr<DiskPrograms> reader;
    std::unique_ptr<Server> server;
    inline static World* world = nullptr;

    World() {
        world = this;
        controls::release_all();
        core.reset();
        on(Syscall::request_async) = [this](const fake::Call& call) { return request(call); };
        on(Syscall::reply) = [this](const fake::Call& call) {
            CHECK(answers.count(call.a) == 0);
            answers[call.a] = static_cast<Error>(call.d & 0xffffffff);
            return Raw{};
        };
        on(Syscall::image_create) = [this](const fake::Call& call) {
            (void)sys::ica_release(call.a);
            return Raw{Error::none, ++images, 0, 0, 0, 0};
        };
        on(Syscall::list) = [this](const fake::Call& call) {
            if (static_cast<abi::ListKind>(call.a) != abi::ListKind::processes) return Raw{Error::none, 0, 1024, 0, 0, 0};
            std::copy(processes.begin(), processes.end(), reinterpret_cast<abi::ProcessRecord*>(call.b));
            return Raw{Error::none, processes.size(), sizeof(abi::ProcessRecord), 0, 0, 0};
        };
        Root& root = state.root;
        const auto area = [&](std::size_t bytes) { return AreaBytes{core.reserve(pages_for(bytes)), bytes}; };
        root.listings = area(Listings::area_bytes);
        root.journal = area(sizeof(Journal));
        root.catalogue = area(sizeof(Catalogue));
        listings.use(root.listings.address);
        REQUIRE(state.create());
        start();
    }

    void start() {
        reader = std::make_unique<DiskPrograms>(state, programs);
        server = std::make_unique<Server>("guardian");
        reader->listen(*server);
    }
    // The guardian fails: what it knew is gone, but for its records.
    void fail() {
        answers.clear();
        programs.~Programs();
        new (&programs) Programs{state};
        programs.restore();
        start();
        reader->restore();
    }

    Raw request(const fake::Call& call) {
        if (!served) return fake::failed(Error::no_server);
        std::string name;
        for (const auto& [known, id] : core.functions)
            if (id.first == (call.a & 0xffffffff)) name = known;
        if (name == "file.close") {
            const auto handle = reinterpret_cast<const file::Handle*>(call.b + abi::parameter_base)->handle;
            CHECK(open.erase(handle) == 1);
            (void)sys::ica_release(call.b);
            controls_closed.push_back(call.b);
            return Raw{};
        }
        pending.push_back({call.b, call.d, name});
        return Raw{};
    }
    std::vector<std::uint64_t> controls_closed;

    // The file server answers, with `error` or as the file is, at most `most` bytes.
    void answer(std::size_t index, Error error = Error::none, std::uint64_t most = ~0ull) {
        const Pending p = pending[index];
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(index));
        CallResult result{p.control, error, 0, p.data, 0};
        if (p.function == "file.open") {
            if (error == Error::none) result.error = open_file(p.control);
            (void)DiskPrograms::on_opened(result);
        } else {
            if (error == Error::none) read_file(p, most, result);
            (void)DiskPrograms::on_arrived(result);
        }
        (void)sys::ica_release(p.control);
    }
    Error open_file(std::uint64_t control) {
        const std::string path = reinterpret_cast<const file::Open*>(control + abi::parameter_base)->path;
        const auto found = files.find(path);
        if (found == files.end()) return Error::not_found;
        file::Opened opened{};
        opened.handle = next_handle++;
        opened.status.size = found->second.contents.size();
        opened.status.mode = found->second.mode;
        opened.status.user = found->second.user;
        std::memcpy(reinterpret_cast<void*>(control + abi::parameter_base), &opened, sizeof opened);
        open[opened.handle] = path;
        return Error::none;
    }
    void read_file(const Pending& p, std::uint64_t most, CallResult& result) {
        const auto& transfer = *reinterpret_cast<const file::Transfer*>(p.control + abi::parameter_base);
        const auto handle = open.find(transfer.handle);
        if (handle == open.end()) {
            result.error = Error::invalid_argument;
            return;
        }
        const auto& contents = files[handle->second].contents;
        const std::uint64_t left = contents.size() - std::min<std::uint64_t>(contents.size(), transfer.position);
        const std::uint64_t count = std::min<std::uint64_t>({left, transfer.bytes, most});
        std::memcpy(reinterpret_cast<std::byte*>(p.data) + transfer.offset, contents.data() + transfer.position, count);
        result.value = static_cast<std::int64_t>(count);
    }
    void answer_all() {
        while (!pending.empty()) answer(0);
    }

    std::uint64_t call(std::initializer_list<const char*> names, std::uint32_t user = 0) {
        const std::uint64_t control = core.reserve(1);
        auto& page = *reinterpret_cast<abi::ControlIca*>(control);
        page.currentp = reinterpret_cast<std::uint64_t>(&page.frames[0]);
        page.frames[0].user_id = user;
        deliver(control, names);
        return control;
    }
    void deliver(std::uint64_t control, std::initializer_list<const char*> names) {
        std::vector<Name> list;
        for (const char* name : names) list.emplace_back(std::string_view{name});
        const Outcome outcome = reader->read(Call{control}, list, [](Call c, std::uint64_t) {
            world->went_on.insert(c.control());
            return Outcome{};
        });
        if (outcome.kind == Outcome::Kind::replied) answers[control] = outcome.error;
    }
};

std::vector<std::byte> bytes(std::size_t count, unsigned seed) {
    std::mt19937 random{seed};
    std::vector<std::byte> result(count);
    for (auto& byte : result) byte = static_cast<std::byte>(random());
    return result;
}

bool holds(World& world, const char* name, const std::vector<std::byte>& contents) {
    const Program* program = world.programs.wanted(name);
    return program != nullptr && program->file.bytes == contents.size() &&
           std::memcmp(program->file.contents().data(), contents.data(), contents.size()) == 0;
}

}  // namespace

TEST_CASE("names are of the archive, of /bin, or paths", "[guardian]") {
    CHECK(path_of("lua")->view() == "/bin/lua");
    CHECK(path_of("/home/lua")->view() == "/home/lua");
    CHECK(path_of("2:/bin/lua")->view() == "/bin/lua");
    CHECK(path_of("/a/path/that/nobody/wants/to/type").error() == Error::name_too_long);
    CHECK(path_of("").error() == Error::name_too_long);
    CHECK(rule_name("/bin/rtl8139@2") == "rtl8139@2");
    CHECK(rule_name("3:/bin/lua") == "lua");
    CHECK(rule_name("/bin/x/lua") == "/bin/x/lua");
    CHECK(rule_name("/tmp/shell") == "/tmp/shell");
    CHECK(rule_name("shell") == "shell");
    CHECK(base_name("2:/home/lua") == "lua");
}

TEST_CASE("a program is read in pieces, and its call goes on", "[guardian]") {
    World world;
    world.files["/bin/lua"].contents = bytes(3'000'000, 1);
    const auto call = world.call({"lua"});
    world.answer(0);
    while (!world.pending.empty()) world.answer(0, Error::none, 300'001);
    CHECK(world.went_on.count(call) == 1);
    CHECK(world.answers.at(call) == Error::none);
    CHECK(holds(world, "lua", world.files["/bin/lua"].contents));
    CHECK(world.open.empty());
}

TEST_CASE("what cannot be run is refused", "[guardian]") {
    World world;
    world.files["/bin/folder"].mode = 0040755;
    world.files["/bin/empty"];
    world.files["/bin/text"] = {bytes(10, 1), regular | 0644, 0};
    world.files["/home/mine"] = {bytes(10, 1), regular | 0700, 7};
    const auto answer = [&](const char* name, std::uint32_t user) {
        const auto call = world.call({name}, user);
        world.answer_all();
        return world.answers.at(call);
    };
    CHECK(answer("nobody", 0) == Error::not_found);
    CHECK(answer("folder", 0) == Error::bad_image);
    CHECK(answer("empty", 0) == Error::bad_image);
    CHECK(answer("text", 0) == Error::denied);
    CHECK(answer("/home/mine", 8) == Error::denied);
    CHECK(answer("/home/mine", 7) == Error::none);
    CHECK(answer("/home/mine", 0) == Error::none);
    world.served = false;
    CHECK(answer("lua", 0) == Error::not_found);
    CHECK(world.open.empty());
}

TEST_CASE("a file server that is silent is given up, and what it says later is given back", "[guardian]") {
    World world;
    world.files["/bin/lua"].contents = bytes(5000, 1);
    const unsigned before = world.core.areas;
    const auto first = world.call({"lua"}), second = world.call({"lua"});
    world.answer(0);  // opened: the first waits for its contents
    std::uint64_t limit = world.reader->pause_us();
    CHECK(limit > 1'000'000);
    CHECK(limit <= 20'000'001);
    world.core.info.boot_tsc -= 30'000'000'000;  // at 1 GHz: half a minute later
    (void)world.reader->pause_us();
    CHECK(world.answers.at(first) == Error::timed_out);
    CHECK(world.answers.at(second) == Error::timed_out);
    CHECK(!world.reader->reading());
    world.answer_all();
    CHECK(world.went_on.empty());
    CHECK(world.open.empty());
    CHECK(world.core.areas <= before + 2);  // the two calls
}

TEST_CASE("another program at the same path gets a name of its own while the first is needed", "[guardian]") {
    World world;
    auto& file = world.files["/bin/counter"];
    file.contents = bytes(5000, 1);
    const auto read = [&] {
        world.call({"counter"});
        world.answer_all();
        return std::string{world.programs.wanted("counter")->name.view()};
    };
    CHECK(read() == "/bin/counter");
    CHECK(read() == "/bin/counter");
    file.contents = bytes(5001, 2);
    CHECK(read() == "2:/bin/counter");
    CHECK(holds(world, "counter", file.contents));
    file.contents = bytes(5000, 1);
    CHECK(read() == "/bin/counter");

    abi::ProcessRecord process{};
    process.flags = abi::process_flag::restart;
    std::strcpy(process.program, "2:/bin/counter");
    world.processes.push_back(process);
    world.programs.release_unused(world.listings);
    CHECK(world.programs.find("/bin/counter") == nullptr);
    CHECK(world.programs.find("2:/bin/counter") != nullptr);
    world.fail();
    CHECK(world.programs.find("2:/bin/counter") != nullptr);
    CHECK(read() == "/bin/counter");
}

TEST_CASE("calls, errors, late answers and failures in any order", "[guardian]") {
    const unsigned seed = GENERATE(range(1u, 60u));
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random); };
    World world;
    const char* names[] = {"a", "b", "/home/c"};
    const unsigned before = world.core.areas;
    for (const char* path : {"/bin/a", "/bin/b", "/home/c"}) world.files[path].contents = bytes(1 + below(20'000), below(1000));
    std::map<std::uint64_t, const char*> waiting;  // calls not answered
    for (unsigned step = 0; step < 300; ++step) {
        switch (below(12)) {
            case 0:
            case 1: {
                const char* name = names[below(3)];
                const auto call = world.call({name});
                waiting[call] = name;
                break;
            }
            case 2:
                world.files[below(2) != 0 ? "/bin/a" : "/home/c"].contents = bytes(1 + below(20'000), below(1000));
                break;
            case 3:
                world.processes.clear();
                world.programs.release_unused(world.listings);
                break;
            case 4: {
                if (below(4) != 0) break;
                world.fail();
                for (const auto& [call, name] : waiting) world.deliver(call, {name});
                break;
            }
            case 5:
                world.core.info.boot_tsc -= 5'000'000'000;
                (void)world.reader->pause_us();
                break;
            default:
                if (world.pending.empty()) break;
                world.answer(below(world.pending.size()), below(6) == 0 ? Error::io_error : Error::none, 1 + below(30'000));
        }
        for (const auto& [call, error] : world.answers)
            if (waiting.erase(call) != 0) (void)sys::ica_release(call);
        world.answers.clear();
    }
    world.answer_all();
    for (const auto& [call, error] : world.answers)
        if (waiting.erase(call) != 0) (void)sys::ica_release(call);
    CHECK(waiting.empty());
    CHECK(world.open.empty());
    world.processes.clear();
    world.programs.release_unused(world.listings);
    controls::release_all();
    CHECK(world.core.areas == before);
}
