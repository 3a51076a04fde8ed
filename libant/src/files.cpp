#include <ant/files.hpp>

#include <ant/process.hpp>

namespace ant {

namespace {

constinit Client server{"file"};

// For data that lies elsewhere in this process's memory. Two sizes, as moving costs something per page.
constexpr std::size_t small_bytes = abi::page_size, large_bytes = 256 * 1024, least_bytes = 64 * 1024;
constinit Ica small_area{}, large_area{};

Result<Ica*> area_for(std::size_t bytes) {
    Ica& area = bytes <= small_bytes ? small_area : large_area;
    if (area) return &area;
    auto reserved = Ica::reserve(bytes <= small_bytes ? small_bytes : large_bytes);
    if (!reserved && bytes > small_bytes) reserved = Ica::reserve(least_bytes);
    area = ANT_TRY(std::move(reserved));
    return &area;
}

// The server had no room for the call, or it could not be delivered again.
constexpr unsigned tries = 200;
constexpr std::uint64_t pause_us = 5'000;
bool passes(Error error) { return error == Error::restarted || error == Error::queue_full; }

template <class F>
auto patiently(F call) {
    auto result = call();
    for (unsigned i = 1; i < tries && !result && passes(result.error()); ++i) {
        wait_us(pause_us);
        result = call();
    }
    return result;
}

template <class P, class R>
Result<R> ask(const Function<P, R>& function, const P& params) {
    const auto answer = ANT_TRY(patiently([&] { return server.call(function, params, {}, no_limit); }));
    return answer.result;
}

template <class P>
Result<> tell(const Function<P>& function, const P& params) {
    ANT_TRY(patiently([&] { return server.call(function, params, {}, no_limit); }));
    return {};
}

// A path into a parameter structure.
Result<> put(char (&to)[file::max_path], const char* path) {
    const std::size_t length = __builtin_strlen(path);
    if (length == 0) return Failure(Error::not_found);
    if (length >= sizeof to) return Failure(Error::name_too_long);
    __builtin_memcpy(to, path, length + 1);
    return {};
}

Result<file::Path> path_of(const char* path, std::uint32_t flags, std::uint32_t mode = 0) {
    Result<file::Path> params{std::in_place, flags, mode};
    ANT_TRY(put(params->path, path));
    return params;
}

Result<> tell_two(const Function<file::TwoPaths>& function, const char* from, const char* to, std::uint32_t flags) {
    file::TwoPaths params{flags, 0, {}, {}};
    ANT_TRY(put(params.from, from));
    ANT_TRY(put(params.to, to));
    return tell(function, params);
}

// Up to `bytes` of the area go and come back. A quota that is used up now is free again soon: others' calls end.
template <class P>
Result<std::size_t> transfer(const Function<P>& function, const P& params, Ica& area, std::size_t bytes) {
    for (unsigned i = 0;; ++i) {
        if (!area) return Failure(Error::server_died);
        const auto done = server.exchange(function, params, area);
        if (done && (*done < 0 || static_cast<std::uint64_t>(*done) > bytes)) return Failure(Error::io_error);
        if (done) return static_cast<std::size_t>(*done);
        const bool again = passes(done.error()) || done.error() == Error::over_quota;
        if (!again || i == tries) return Failure(done.error());
        wait_us(pause_us);
    }
}

bool fits(const Ica& area, std::size_t offset, std::size_t bytes) {
    return offset <= area.size() && bytes <= area.size() - offset && bytes <= ~std::uint32_t{0};
}

file::Transfer request_of(std::uint32_t handle, std::uint32_t flags, std::uint64_t position, std::size_t offset,
                          std::size_t bytes) {
    return {handle, flags, position, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(bytes)};
}

// Without an area, behind the parameters.
Result<std::size_t> read_inline(const file::Transfer& request, std::span<std::byte> data) {
    const auto fill = [&](file::Transfer& params) { params = request; };
    const auto done = ANT_TRY(patiently([&] { return server.call_in_place(file::read, fill, request.bytes, {}, no_limit); }));
    const auto bytes = static_cast<std::uint64_t>(done.value);
    if (bytes > data.size()) return Failure(Error::io_error);
    __builtin_memcpy(data.data(), reinterpret_cast<const std::byte*>(done.result) + sizeof(file::Transfer), bytes);
    return bytes;
}

Result<std::size_t> write_inline(const file::Transfer& request, std::span<const std::byte> data) {
    const auto fill = [&](file::Transfer& params) {
        params = request;
        __builtin_memcpy(&params + 1, data.data(), data.size());
    };
    const auto done = ANT_TRY(patiently([&] { return server.call_in_place(file::write, fill, request.bytes, {}, no_limit); }));
    if (static_cast<std::uint64_t>(done.value) > data.size()) return Failure(Error::io_error);
    return static_cast<std::size_t>(done.value);
}

// The smallest block of any file system: pieces end at its multiples, and a file that ends elsewhere ends there.
constexpr std::uint64_t least_block_bytes = 512;

struct Piece {
    std::size_t bytes;
    bool last;  // nothing follows in the file: no call is needed to learn that
};

Result<Piece> read_some(const File& file, std::uint64_t position, std::span<std::byte> data, std::uint32_t flags) {
    const auto piece = [&](std::size_t bytes, std::size_t asked) {
        return Piece{bytes, bytes == 0 || (bytes < asked && (position + bytes) % least_block_bytes != 0)};
    };
    if (data.size() <= file::inline_bytes) {
        const auto request = request_of(file.handle(), flags, position, 0, data.size());
        return piece(ANT_TRY(read_inline(request, data)), data.size());
    }
    Ica& area = *ANT_TRY(area_for(data.size()));
    const std::size_t most = data.size() < area.size() ? data.size() : area.size();
    const std::size_t bytes = ANT_TRY(file.read_area(area, 0, most, position, flags));
    __builtin_memcpy(data.data(), area.data(), bytes);
    return piece(bytes, most);
}

Result<std::size_t> write_some(const File& file, std::uint64_t position, std::span<const std::byte> data, std::uint32_t flags) {
    if (data.size() <= file::inline_bytes) return write_inline(request_of(file.handle(), flags, position, 0, data.size()), data);
    Ica& area = *ANT_TRY(area_for(data.size()));
    const std::size_t most = data.size() < area.size() ? data.size() : area.size();
    __builtin_memcpy(area.data(), data.data(), most);
    return file.write_area(area, 0, most, position, flags);
}

}  // namespace

Result<File> File::open(const char* path, std::uint32_t flags, std::uint32_t mode, file::Status* status) {
    file::Open params{flags, mode, {}};
    ANT_TRY(put(params.path, path));
    const auto opened = ANT_TRY(ask(file::open, params));
    if (status != nullptr) *status = opened.status;
    return File{opened.handle};
}

Result<> File::close() {
    if (handle_ == none) return {};
    return tell(file::close, {std::exchange(handle_, none), 0});
}

Result<std::size_t> File::read(std::uint64_t position, std::span<std::byte> data, std::uint32_t flags) const {
    std::size_t total = 0;
    while (total != data.size()) {
        const auto piece = read_some(*this, position + total, data.subspan(total), flags);
        if (!piece && total == 0) return Failure(piece.error());
        if (!piece) break;
        total += piece->bytes;
        if (piece->last) break;
    }
    return total;
}

Result<std::size_t> File::write(std::uint64_t position, std::span<const std::byte> data, std::uint32_t flags) const {
    std::size_t total = 0;
    while (total != data.size()) {
        const auto bytes = write_some(*this, position + total, data.subspan(total), flags);
        if (!bytes && total == 0) return bytes;
        if (!bytes || *bytes == 0) break;
        total += *bytes;
    }
    return total;
}

Result<std::size_t> File::read_area(Ica& area, std::size_t offset, std::size_t bytes, std::uint64_t position,
                                    std::uint32_t flags) const {
    if (!fits(area, offset, bytes)) return Failure(Error::invalid_argument);
    return transfer(file::read, request_of(handle_, flags, position, offset, bytes), area, bytes);
}

Result<std::size_t> File::write_area(Ica& area, std::size_t offset, std::size_t bytes, std::uint64_t position,
                                     std::uint32_t flags) const {
    if (!fits(area, offset, bytes)) return Failure(Error::invalid_argument);
    return transfer(file::write, request_of(handle_, flags, position, offset, bytes), area, bytes);
}

Result<std::size_t> File::list(Ica& area, std::uint64_t cookie) const {
    return transfer(file::list, {handle_, 0, cookie}, area, area.size());
}

Result<> File::truncate(std::uint64_t size) const { return tell(file::truncate, {handle_, 0, size}); }
Result<> File::sync() const { return tell(file::sync, {handle_, 0}); }
Result<> File::sync_data() const { return tell(file::sync_data, {handle_, 0}); }
Result<file::Status> File::status() const { return ask(file::status, {handle_, 0}); }

Result<file::Lock> File::lock(file::Lock lock) const {
    lock.handle = handle_;
    return ask(file::lock, lock);
}

Result<Directory> Directory::open(const char* path) {
    Directory directory;
    directory.file_ = ANT_TRY(File::open(path, file::open_flag::read | file::open_flag::directory));
    directory.area_ = ANT_TRY(Ica::reserve(4 * abi::page_size));
    return directory;
}

Result<const file::Entry*> Directory::next() {
    if (at_ == filled_) {
        at_ = 0;
        filled_ = ANT_TRY(file_.list(area_, cookie_));
        if (filled_ == 0) return nullptr;
    }
    const auto* entry = reinterpret_cast<const file::Entry*>(area_.data() + at_);
    const std::size_t left = filled_ - at_;
    if (left < sizeof *entry || entry->entry_bytes > left || entry->entry_bytes < sizeof *entry + 1)
        return Failure(Error::io_error);
    at_ += entry->entry_bytes;
    cookie_ = entry->cookie;
    return entry;
}

namespace files {

Result<file::Status> status(const char* path, std::uint32_t flags) { return ask(file::status_of, ANT_TRY(path_of(path, flags))); }

Result<> access(const char* path, std::uint32_t mode) { return tell(file::access, ANT_TRY(path_of(path, 0, mode))); }

Result<> make_directory(const char* path, std::uint32_t mode) {
    return tell(file::make_directory, ANT_TRY(path_of(path, 0, mode)));
}

Result<> remove(const char* path, std::uint32_t flags) { return tell(file::remove, ANT_TRY(path_of(path, flags))); }

Result<> rename(const char* from, const char* to, std::uint32_t flags) { return tell_two(file::rename, from, to, flags); }
Result<> link(const char* from, const char* to) { return tell_two(file::link, from, to, 0); }
Result<> symbolic_link(const char* text, const char* path) { return tell_two(file::symbolic_link, text, path, 0); }

Result<file::Target> read_link(const char* path) {
    auto target = ask(file::read_link, ANT_TRY(path_of(path, file::path_flag::no_follow)));
    if (target) target->path[sizeof target->path - 1] = '\0';
    return target;
}

Result<> change(file::Change& change, const char* path, std::uint32_t handle) {
    change.handle = handle;
    change.path[0] = '\0';
    if (path != nullptr) ANT_TRY(put(change.path, path));
    return tell(file::change, change);
}

Result<file::Space> space(const char* path) { return ask(file::space, ANT_TRY(path_of(path, 0))); }

Result<> mount(const char* path, std::uint32_t disk, std::uint32_t partition, bool read_only) {
    file::Mount params{disk, partition, read_only ? 1U : 0U, 0, {}};
    ANT_TRY(put(params.path, path));
    return tell(file::mount, params);
}

Result<> unmount(const char* path) { return tell(file::unmount, ANT_TRY(path_of(path, 0))); }
Result<file::Mounts> mounts() { return ask(file::mounts, {}); }
Result<> sync() { return tell(file::sync_all, {}); }

}  // namespace files

}  // namespace ant
