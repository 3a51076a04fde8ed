#include "files.hpp"

#include <ant/process.hpp>

#include <algorithm>
#include <cstring>

namespace ant::web {

constinit Client file_server{"file"};

namespace {

constexpr std::uint32_t type_mask = 0170000, type_folder = 0040000, type_regular = 0100000;  // POSIX sys/stat.h

void copy_path(char (&to)[file::max_path], const Path& from) { std::memcpy(to, from.text.data(), from.text.size()); }

}  // namespace

Path FileTransfer::temporary() const {
    Path path;
    ant::format(path.text.data(), path.text.size(), "%.*s/.upload-%u", static_cast<int>(upload_folder.size()),
                upload_folder.data(), number_);
    return path;
}

template <class P, class R>
void FileTransfer::ask(Session& session, const Function<P, R>& function, const P& params, Step step) {
    const auto control = file_server.send(function, params);
    if (!control) return fail(session, control.error());
    pending_ = *control;
    step_ = step;
}

void FileTransfer::begin(Session& session, unsigned number) {
    *this = {};
    number_ = number;
    uploading_ = session.wish() == Session::Wish::upload;
    open(session);
}

void FileTransfer::open(Session& session) {
    file::Open request{};
    request.flags = file::open_flag::read;
    copy_path(request.path, session.file());
    if (uploading_) {
        request.flags = file::open_flag::write | file::open_flag::create | file::open_flag::truncate;
        request.mode = 0644;
        copy_path(request.path, temporary());
    }
    ask(session, file::open, request, Step::opening);
}

bool FileTransfer::take(const CallResult& result, Session& session) {
    pending_ = 0;
    if (result.data != 0) area_ = result.data;
    switch (step_) {
        case Step::opening:
            opened(result, session);
            return true;
        case Step::sending:
            bytes_ = result.error == Error::none ? static_cast<std::uint32_t>(result.value) : 0;
            // The head has promised more.
            return bytes_ != 0 && bytes_ <= left_ && area_ != 0;
        case Step::receiving:
            written(result, session);
            return true;
        default:
            step_done(result, session);
            return true;
    }
}

void FileTransfer::opened(const CallResult& result, Session& session) {
    if (result.error == Error::is_directory && !uploading_) {
        abandon();
        return session.file_is_folder();
    }
    if (result.error == Error::not_found && uploading_ && !folder_made_) {
        folder_made_ = true;
        file::Path request{};
        request.mode = 0755;
        std::memcpy(request.path, upload_folder.data(), upload_folder.size());
        return ask(session, file::make_directory, request, Step::making_folder);
    }
    if (result.error != Error::none) return fail(session, result.error);
    const auto& answer = *reinterpret_cast<const file::Opened*>(result.control + abi::parameter_base);
    handle_ = answer.handle;
    open_ = true;
    if (uploading_) {
        auto area = Ica::reserve(chunk_bytes);
        if (!area) return fail(session, area.error());
        step_ = Step::receiving;
        session.upload_begun({reinterpret_cast<std::byte*>(area_ = area->detach()), chunk_bytes});
        return go_on(session);
    }
    if ((answer.status.mode & type_mask) == type_folder) {
        abandon();
        return session.file_is_folder();
    }
    if ((answer.status.mode & type_mask) != type_regular) return fail(session, Error::denied);
    left_ = answer.status.size;
    if (!session.file_found(left_)) return abandon();
    step_ = Step::sending;
    offset_ = head_bytes;
    read_next();
}

// The head of the answer is out: whatever goes wrong from here on ends the connection, seen by `take` or by its time limit.
void FileTransfer::read_next() {
    auto area = Ica::reserve(offset_ + std::min<std::uint64_t>(left_, chunk_bytes));
    if (!area) return;
    file::Transfer request{};
    request.handle = handle_;
    request.flags = file::transfer_flag::read_ahead;
    request.position = position_;
    request.offset = offset_;
    request.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(left_, chunk_bytes));
    const auto control = file_server.send(file::read, request, {area->address(), abi::DataMode::move});
    if (!control) return;
    (void)area->detach();
    pending_ = *control;
}

FileTransfer::Piece FileTransfer::contents(const Session& session) {
    auto area = Ica::adopt(std::exchange(area_, 0));
    Piece piece{std::move(*area), offset_, bytes_, 0};
    if (const auto head = static_cast<std::size_t>(session.output_bytes()); head != 0) {
        piece.head = session.output({piece.area.data() + offset_ - head, head});
        piece.offset -= head;
        piece.bytes += head;
    }
    return piece;
}

void FileTransfer::sent(const Piece& piece, Session& session, bool lost) {
    if (!lost) {
        const std::uint64_t count = piece.bytes - piece.head;
        position_ += count;
        left_ -= count;
        offset_ = 0;
        session.sent(piece.head);
    }
    if (left_ != 0) return read_next();
    abandon();
    session.file_sent();
}

void FileTransfer::go_on(Session& session) {
    if (step_ != Step::receiving || pending_ != 0) return;
    if (session.upload_to_write()) return write(session);
    if (!session.upload_complete()) return;
    ask(session, file::sync, file::Handle{handle_, 0}, Step::syncing);
}

void FileTransfer::write(Session& session) {
    file::Transfer request{};
    request.handle = handle_;
    request.position = position_;
    request.bytes = static_cast<std::uint32_t>(session.uploaded());
    const auto control = file_server.send(file::write, request, {area_, abi::DataMode::move});
    if (!control) return fail(session, control.error());
    area_ = 0;
    pending_ = *control;
}

void FileTransfer::written(const CallResult& result, Session& session) {
    if (result.error != Error::none) return fail(session, result.error);
    if (area_ == 0) return fail(session, Error::io_error);
    if (static_cast<std::uint64_t>(result.value) != session.uploaded()) return fail(session, Error::no_space);
    position_ += session.uploaded();
    session.upload_goes_on({reinterpret_cast<std::byte*>(area_), chunk_bytes});
    go_on(session);
}

// The name stands for the whole file or for the one before; answered when both are on the disk.
void FileTransfer::step_done(const CallResult& result, Session& session) {
    const bool made_by_another = step_ == Step::making_folder && result.error == Error::exists;
    if (result.error != Error::none && !made_by_another) return fail(session, result.error);
    switch (step_) {
        case Step::making_folder:
            return open(session);
        case Step::syncing: {
            file::TwoPaths request{};
            copy_path(request.from, temporary());
            copy_path(request.to, session.file());
            return ask(session, file::rename, request, Step::renaming);
        }
        case Step::renaming:
            uploading_ = false;  // nothing is left to be removed
            return ask(session, file::sync, file::Handle{handle_, 0}, Step::confirming);
        case Step::confirming:
            abandon();
            return session.upload_stored();
        default:
            return;
    }
}

void FileTransfer::fail(Session& session, Error error) {
    abandon();
    session.file_failed(error);
}

void FileTransfer::close() {
    if (std::exchange(open_, false)) (void)file_server.send(file::close, file::Handle{handle_, 0});
}

// What is still under way comes back to nobody, and is given back there.
void FileTransfer::abandon() {
    if (uploading_ && open_) {
        file::Path request{};
        copy_path(request.path, temporary());
        (void)file_server.send(file::remove, request);
    }
    close();
    if (area_ != 0) (void)sys::ica_release(area_);
    *this = {};
}

}  // namespace ant::web
