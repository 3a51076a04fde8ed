// Reading and writing.
#include "clock.hpp"
#include "requests.hpp"

#include <algorithm>
#include <cstring>

namespace ant::file_server {

namespace {

// The data of a call, to go back with the answer.
Data returned(Call call) { return call.data() != 0 ? Data{call.data(), abi::DataMode::move} : Data{}; }

Outcome failed(Call call, Error error) {
    Outcome outcome = error;
    outcome.data = returned(call);
    return outcome;
}

bool has_area(Call call) { return (call.frame().flags & abi::flag::data_mask) != 0 && call.data() != 0; }

// Whether the bytes lie in the area, or in the parameter area.
bool has_room(Call call, const file::Transfer& transfer) {
    if (!has_area(call))
        return transfer.bytes <= file::inline_bytes && sizeof transfer + transfer.bytes <= call.parameter_bytes();
    const auto info = sys::ica_info(call.data());
    return info && std::uint64_t{transfer.offset} + transfer.bytes <= info->pages * abi::page_size;
}

}  // namespace

// The parameters of the next stage must not lie on those of this one: if this process ends before it has passed the call on,
// the next one wants to read them. The page has room for both.
Outcome Requests::forward(Call call, const Function<cache::Access>& function, const HandleRecord& handle, const Mapping& mapping,
                          const file::Transfer& transfer, std::uint32_t flags) {
    constexpr std::uint64_t high = abi::page_size - sizeof(cache::Access);
    const std::uint64_t own = call.frame().parameters & (abi::page_size - 1);
    const std::uint64_t offset = own + sizeof(file::Transfer) <= high ? high : abi::parameter_base;
    auto& access = *reinterpret_cast<cache::Access*>(call.control() + offset);
    const bool direct = (transfer.flags & file::transfer_flag::sequential) == 0;
    if (!direct) flags |= cache::access_flag::sequential;
    fill(access, disks_[handle.volume].number(), flags, std::span{mapping.extents}.first(mapping.count));
    access.offset = transfer.offset;
    access.bytes = static_cast<std::uint32_t>(mapping.bytes);
    const auto id = buffer_cache.identifier(function);
    if (!id) return failed(call, Error::io_error);
    Outcome outcome =
        call.forward(*id, (direct ? abi::flag::direct_return : 0) | static_cast<std::uint32_t>(abi::DataMode::move), call.data());
    outcome.parameters = sys::pair(static_cast<std::uint32_t>(offset), sizeof(cache::Access));
    return outcome;
}

Result<> Requests::read_inline(const HandleRecord& handle, FileMap& file, file::Transfer& transfer, std::uint64_t bytes) {
    Volume& volume = volumes_[handle.volume];
    auto* const to = reinterpret_cast<std::byte*>(&transfer + 1);
    for (std::uint64_t done = 0; done < bytes;) {
        Mapping mapping;
        ANT_TRY(file.map(transfer.position + done, bytes - done, mapping));
        if (mapping.bytes == 0) return Failure(Error::io_error);
        ANT_TRY(volume.disk().read(inline_page() + done, std::span{mapping.extents}.first(mapping.count)));
        done += mapping.bytes;
    }
    std::memcpy(to, inline_page().data(), bytes);
    return {};
}

Outcome Requests::read(Call call) {
    auto& transfer = call.params<file::Transfer>();
    const auto handle = handles_.find(transfer.handle, call.requester());
    if (!handle) return failed(call, handle.error());
    if ((handle->flags & file::open_flag::read) == 0) return failed(call, Error::denied);
    if (!has_area(call) && !has_room(call, transfer)) return Error::invalid_argument;  // of an area the cache sees to it
    FileMap& file = maps_[handle->handle % maps_.size()];
    if (const auto known = file.use(volumes_[handle->volume], handle->inode); !known) return failed(call, known.error());
    if (LINUX_S_ISDIR(file.mode())) return failed(call, Error::is_directory);
    const std::uint64_t size = file.size();
    if (transfer.position >= size || transfer.bytes == 0) return Call::reply(0, returned(call));
    const std::uint64_t bytes = std::min<std::uint64_t>(transfer.bytes, size - transfer.position);
    if (!has_area(call)) {
        const auto done = read_inline(*handle, file, transfer, bytes);
        return done ? Call::reply(static_cast<std::int64_t>(bytes)) : Outcome{done.error()};
    }
    Mapping mapping;
    const auto mapped = file.map(transfer.position, bytes, mapping);
    if (!mapped) return failed(call, mapped.error());
    return forward(call, cache::read, *handle, mapping, transfer,
                   (transfer.flags & file::transfer_flag::read_ahead) != 0 ? cache::access_flag::read_ahead : 0);
}

// The time of the last change is kept to 10 ms: writes that follow each other do not each write the inode.
Result<> Requests::touch_file(const HandleRecord& handle, const FileMap& file) {
    constexpr std::int64_t tick_ns = 10'000'000;
    const std::int64_t age = now_ns() - file.modified_ns();
    if (age >= 0 && age < tick_ns) return {};
    Volume& volume = volumes_[handle.volume];
    return volume.operate(0, [&]() -> Result<> {
        Inode inode;
        ANT_TRY(volume.read_inode(handle.inode, inode));
        touch(inode);
        return volume.write_inode(handle.inode, inode, true);
    });
}

Result<std::uint64_t> Requests::write_data(Call call, const HandleRecord& handle, const file::Transfer& transfer, Memory from) {
    Volume& volume = volumes_[handle.volume];
    std::uint64_t position = transfer.position;
    if ((transfer.flags & file::transfer_flag::append) != 0) {
        Inode inode;
        ANT_TRY(volume.read_inode(handle.inode, inode));
        position = size_of(inode);
    }
    return Content(volume, handle.inode, call.id(), page()).write(position, from, transfer.bytes, call.user_id() == 0);
}

Outcome Requests::write(Call call) {
    const file::Transfer transfer = call.params<file::Transfer>();
    const auto handle = handles_.find(transfer.handle, call.requester());
    if (!handle) return failed(call, handle.error());
    if ((handle->flags & file::open_flag::write) == 0) return failed(call, Error::denied);
    Volume& volume = volumes_[handle->volume];
    const bool append = (transfer.flags & file::transfer_flag::append) != 0;
    const bool through = (handle->flags & file::open_flag::sync) != 0;
    std::int64_t written = 0;
    if (was_done(call)) {
        written = tables_->last_done().value;
    } else if (transfer.bytes != 0) {
        if (has_area(call) && !append && !through) {
            FileMap& file = maps_[handle->handle % maps_.size()];
            Mapping mapping;
            const auto looked = [&]() -> Result<> {
                ANT_TRY(file.use(volume, handle->inode));
                return file.map(transfer.position, transfer.bytes, mapping);
            }();
            if (!looked) return failed(call, looked.error());
            if (Content::overwrites(file.size(), mapping, transfer.position, transfer.bytes)) {
                if (const auto touched = touch_file(*handle, file); !touched) return failed(call, touched.error());
                return forward(call, cache::write, *handle, mapping, transfer, 0);
            }
        }
        if (!has_room(call, transfer)) return failed(call, Error::invalid_argument);
        Memory from{call.data(), transfer.offset};
        if (!has_area(call)) {
            from = inline_page();
            std::memcpy(from.data(), &call.params<file::Transfer>() + 1, transfer.bytes);
        }
        const auto done = write_data(call, *handle, transfer, from);
        if (!done) return failed(call, done.error());
        written = static_cast<std::int64_t>(*done);
    }
    if (through)
        if (const auto synced = volume.sync(); !synced) return failed(call, synced.error());
    return Call::reply(written, returned(call));
}

Outcome Requests::truncate(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::Truncate>();
    const auto handle = handles_.find(wanted.handle, call.requester());
    if (!handle) return handle.error();
    if ((handle->flags & file::open_flag::write) == 0) return Error::denied;
    const auto done = Content(volumes_[handle->volume], handle->inode, call.id(), page()).truncate(wanted.size);
    return done ? Error::none : done.error();
}

Outcome Requests::list(Call call) {
    const auto& wanted = call.params<file::List>();
    const auto handle = handles_.find(wanted.handle, call.requester());
    if (!handle) return failed(call, handle.error());
    if (!has_area(call)) return Error::invalid_argument;
    const auto info = sys::ica_info(call.data());
    if (!info) return Error::invalid_argument;
    Volume& volume = volumes_[handle->volume];
    const auto bytes = [&]() -> Result<std::uint64_t> {
        Inode inode;
        ANT_TRY(volume.read_inode(handle->inode, inode));
        if (!LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::not_directory);
        return tree_.list({&volume, handle->inode}, wanted.cookie, reinterpret_cast<std::byte*>(call.data()),
                          info->pages * abi::page_size);
    }();
    if (!bytes) return failed(call, bytes.error());
    return Call::reply(static_cast<std::int64_t>(*bytes), returned(call));
}

Outcome Requests::sync(Call call) {
    const auto handle = handles_.find(call.params<file::Handle>().handle, call.requester());
    if (!handle) return handle.error();
    const auto done = volumes_[handle->volume].sync();
    return done ? Error::none : done.error();
}

Outcome Requests::sync_data(Call call) {
    const auto handle = handles_.find(call.params<file::Handle>().handle, call.requester());
    if (!handle) return handle.error();
    const auto done = volumes_[handle->volume].sync_data(handle->inode);
    return done ? Error::none : done.error();
}

Outcome Requests::sync_all(Call) {
    Error first = Error::none;
    for (Volume& volume : volumes_) {
        if (!volume.mounted()) continue;
        if (const auto done = volume.clean(); !done && first == Error::none) first = done.error();
    }
    return first;
}

}  // namespace ant::file_server
