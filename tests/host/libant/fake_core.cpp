#include "fake_core.hpp"

#include "libant/src/start.hpp"

namespace ant::sys {

Raw raw(Syscall number, u64 a, u64 b, u64 c, u64 d, u64 e, u64) { return fake::Core::get().handle({number, a, b, c, d, e}); }

}  // namespace ant::sys

namespace fake {

Core& Core::get() {
    static Core& core = *new Core;  // outlives the static objects under test
    return core;
}

void Core::reset() {
    for (auto& override : on) override = nullptr;
    calls.clear();
    log.clear();
    functions.clear();
    memory_.clear();
    areas = 0;
    info = {};
    info.magic = ant::abi::startup_magic;
    info.pid = 7;
    info.tsc_khz = 1'000'000;
    info.heap_start = 0x500000;
    info.stack_bytes = 65536;
    ant::set_startup(&info);
}

std::vector<Call> Core::of(Syscall number) const {
    std::vector<Call> result;
    for (const Call& call : calls)
        if (call.number == number) result.push_back(call);
    return result;
}

u64 Core::reserve(std::size_t pages) {
    std::vector<std::byte> memory((pages + 1) * ant::abi::page_size);
    const u64 begin = reinterpret_cast<u64>(memory.data());
    const u64 address = (begin + ant::abi::page_size - 1) & ~u64{ant::abi::page_size - 1};
    memory_[address] = std::move(memory);
    ++areas;
    return address;
}

Raw Core::handle(const Call& call) {
    calls.push_back(call);
    const auto& override = on[static_cast<unsigned>(call.number) - static_cast<unsigned>(Syscall::first)];
    return override ? override(call) : standard(call);
}

Raw Core::standard(const Call& call) {
    Raw r{};
    switch (call.number) {
        case Syscall::ica_reserve:
            r.rdx = reserve(call.a);
            break;
        case Syscall::ica_release:
            if (memory_.erase(call.a) == 0) return failed(Error::bad_address);
            --areas;
            break;
        case Syscall::ica_info:
            if (!memory_.contains(call.a)) return failed(Error::bad_address);
            r.rdx = memory_[call.a].size() / ant::abi::page_size - 1;
            break;
        case Syscall::function_find: {
            auto& found = functions[reinterpret_cast<const char*>(call.a)];
            if (found.first == 0) found.first = static_cast<unsigned>(functions.size());
            r.rdx = found.first;
            r.rsi = found.second;
            break;
        }
        case Syscall::function_register:
            functions[reinterpret_cast<const char*>(call.a)].second = true;
            break;
        case Syscall::log:
            log.append(reinterpret_cast<const char*>(call.a), call.b).append("\n");
            break;
        case Syscall::process_exit:
            throw Ended{call.a};
        default:
            break;
    }
    return r;
}

}  // namespace fake
