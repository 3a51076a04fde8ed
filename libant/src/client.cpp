#include <ant/client.hpp>

#include <ant/process.hpp>

namespace ant {

namespace controls {

namespace {

// Control ICAs at hand. More than that many at once is rare; the surplus goes back to the core.
constexpr std::size_t pool_size = 32;
constinit std::array<std::uint64_t, pool_size> pool{};
constinit std::size_t pooled = 0;

}  // namespace

constinit std::uint64_t synchronous = 0;

Result<std::uint64_t> take() {
    if (pooled != 0) return pool[--pooled];
    return sys::ica_reserve(1, abi::AreaKind::control);
}

void give(std::uint64_t control) {
    if (pooled < pool.size())
        pool[pooled++] = control;
    else
        (void)sys::ica_release(control);
}

void release_all() {
    while (pooled != 0) (void)sys::ica_release(pool[--pooled]);
    if (synchronous != 0) (void)sys::ica_release(synchronous);
    synchronous = 0;
}

Result<std::uint64_t> first_synchronous() {
    synchronous = ANT_TRY(take());
    return synchronous;
}

}  // namespace controls

Ica Client::came_back(const sys::Raw& r, std::uint64_t sent) {
    auto area = Ica::adopt(r.rsi != 0 ? r.rsi : sent);
    return area ? std::move(*area) : Ica{};
}

Error Client::failed(Client& client, Error error, std::uint64_t rdi, std::uint16_t op) {
    // The core's own time-out, not an answer that says so: the server still has the call and with it the control ICA;
    // the late answer frees it.
    if (error == Error::timed_out && rdi != 0) controls::synchronous = 0;
    // The identifier is of a server that has ended; one of the same name that comes later has another.
    if (error == Error::not_found) client.ids_[op % client.ids_.size()] = 0;
    return error;
}

Result<std::uint64_t> Client::sent(const sys::Raw& r, std::uint64_t control, std::uint16_t op) {
    if (r.error == Error::none) [[likely]]
        return control;
    controls::give(control);
    if (r.error == Error::not_found) ids_[op % ids_.size()] = 0;
    return Failure(r.error);
}

Result<std::uint32_t> Client::find(const char* function) {
    char name[abi::name_bytes];
    if (format(name, sizeof name, "%s.%s", slot_, function) >= sizeof name) return Failure(Error::invalid_argument);
    const sys::Found found = ANT_TRY(sys::function_find(name));
    return found.id;
}

}  // namespace ant
