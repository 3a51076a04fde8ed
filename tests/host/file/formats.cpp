// The two formats of the server's state.
#include "fake_core.hpp"
#include "handles.hpp"

#include <catch2/catch.hpp>

using namespace ant;
using namespace ant::file_server;

namespace {

// 300 handles, some of them closed again.
std::vector<HandleRecord> open_some(Tables& tables) {
    Handles handles;
    handles.use(tables.handles);
    std::vector<HandleRecord> open;
    for (std::uint32_t i = 0; i < 300; ++i) {
        const HandleRecord wanted{0, 5 + i % 3, i % file::max_mounts, 1000 + i, i % 256, 0, (std::uint64_t{1} << 40) + i};
        const HandleRecord made = *handles.add(wanted);
        if (i % 4 != 0)
            open.push_back(made);
        else
            handles.remove(made.handle);
    }
    return open;
}

bool all_there(const Tables& tables, const std::vector<HandleRecord>& open) {
    Handles handles;
    handles.use(tables.handles);
    std::size_t count = 0;
    handles.each([&](const HandleRecord&) { ++count; });
    for (const HandleRecord& before : open) {
        const auto now = handles.find(before.handle, before.slot);
        if (!now || now->volume != before.volume || now->inode != before.inode || now->flags != before.flags ||
            now->call != before.call)
            return false;
    }
    return count == open.size();
}

Tables next_process() {
    const auto registered = fake::Core::get().of(fake::Syscall::state_register).back();
    return *Tables::adopt({registered.a, static_cast<std::uint32_t>(registered.b)});
}

}  // namespace

TEST_CASE("open files come through changes of the state's format") {
    fake::Core::get().reset();
    auto tables = *Tables::create(HandleRecords::first);
    const auto open = open_some(tables);
    for (const std::uint32_t format :
         {HandleRecords::second, HandleRecords::second, HandleRecords::first, HandleRecords::second}) {
        REQUIRE(tables.change_format(format));
        CHECK(all_there(tables, open));
        tables = next_process();
        CHECK(tables.store.format() == format);
        CHECK(all_there(tables, open));
    }
}

TEST_CASE("a change of the format that is interrupted has not happened, and can be done again") {
    fake::Core::get().reset();
    auto tables = *Tables::create(HandleRecords::first);
    const auto open = open_some(tables);
    REQUIRE(tables.store.add_table(HandleRecords::table(HandleRecords::second, table::handle, max_handles)));
    HandleRecords half{tables.store, HandleRecords::second, table::handle};
    half.commit(3, open.front());
    tables = next_process();
    CHECK(tables.store.format() == HandleRecords::first);
    CHECK(all_there(tables, open));
    REQUIRE(tables.change_format(HandleRecords::second));
    tables = next_process();
    CHECK(tables.store.format() == HandleRecords::second);
    CHECK(all_there(tables, open));
}
