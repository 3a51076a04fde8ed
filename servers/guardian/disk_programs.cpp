#include "disk_programs.hpp"

#include <ant/process.hpp>

#include <algorithm>

namespace ant::guardian_server {
namespace {

// A step may wait for a disk driver that is being restarted, and for a drive that spins up.
constexpr std::uint64_t step_limit_us = 20'000'000;
constexpr std::uint64_t largest_program = 64 << 20;
constexpr std::uint32_t most_at_once = 1 << 20;  // bytes per read

// Type and permissions as in the inode (POSIX sys/stat.h).
constexpr std::uint32_t type_mask = 0170000, type_regular = 0100000;

// As the file server would decide if the requester itself ran the file. Groups are not known here: a user has the one of its
// own number.
bool may_execute(const file::Status& status, std::uint32_t user) {
    if (user == 0) return (status.mode & 0111) != 0;
    if (user == status.user) return (status.mode & 0100) != 0;
    if (user == status.group) return (status.mode & 0010) != 0;
    return (status.mode & 0001) != 0;
}

Error unfit(const file::Status& status, std::uint32_t user) {
    if ((status.mode & type_mask) != type_regular) return Error::bad_image;
    if (!may_execute(status, user)) return Error::denied;
    if (status.size == 0) return Error::bad_image;
    return status.size > largest_program ? Error::too_large : Error::none;
}

}  // namespace

constinit DiskPrograms* DiskPrograms::running_ = nullptr;

void DiskPrograms::listen(Server& server) {
    running_ = this;
    server.on_result(file_, file::open, on_opened);
    server.on_result(file_, file::read, on_arrived);
}

Outcome DiskPrograms::read(Call call, std::span<const Name> names, Then then) {
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& j) { return j.control == 0; });
    if (job == jobs_.end()) return Error::busy;
    *job = {};
    for (const Name& name : names) {
        if (name.empty() || programs_.in_archive(name.view())) continue;
        const auto path = path_of(name.view());
        if (!path) return path.error();
        job->paths[job->count++] = *path;
    }
    if (job->count == 0) return then(call, 0);
    job->control = call.control();
    job->then = then;
    job->user = call.user_id();
    job->begun_ns = clock_ns();
    open_next(*job);
    return Call::defer();
}

void DiskPrograms::sent(Job& job, const Result<std::uint64_t>& control) {
    // Without files there is the archive, and nothing else.
    if (!control) return fail(job, control.error() == Error::no_server ? Error::not_found : control.error());
    job.pending = *control;
    job.limit_ns = clock_ns() + step_limit_us * 1000;
}

void DiskPrograms::open_next(Job& job) {
    file::Open request{};
    request.flags = file::open_flag::read;
    const Name& path = job.paths[job.next];
    std::memcpy(request.path, path.text, sizeof path.text);
    sent(job, file_.send(file::open, request, {}, 0, step_limit_us));
}

void DiskPrograms::opened(Job& job, const CallResult& result) {
    if (result.error != Error::none) return fail(job, result.error);
    const auto& opened = *reinterpret_cast<const file::Opened*>(result.control + abi::parameter_base);
    job.handle = opened.handle;
    const auto index = static_cast<unsigned>(&job - jobs_.data());
    state_.files.commit(index, {opened.handle, 0});
    if (const Error error = unfit(opened.status, job.user); error != Error::none) return fail(job, error);
    auto area = Ica::reserve(opened.status.size);
    if (!area) return fail(job, area.error());
    job.bytes = opened.status.size;
    job.got = 0;
    read_more(job, std::move(*area));
}

void DiskPrograms::read_more(Job& job, Ica area) {
    file::Transfer request{};
    request.handle = *job.handle;
    request.flags = file::transfer_flag::read_ahead;
    request.position = job.got;
    request.offset = static_cast<std::uint32_t>(job.got);
    request.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(job.bytes - job.got, most_at_once));
    const auto control = file_.send(file::read, request, {area.address(), abi::DataMode::move}, 0, step_limit_us);
    if (control) (void)area.detach();
    sent(job, control);
}

void DiskPrograms::arrived(Job& job, const CallResult& result) {
    Ica area;
    if (result.data != 0) area = std::move(*Ica::adopt(result.data));
    if (result.error != Error::none) return fail(job, result.error);
    // The area that comes back is the one that went, if the file server is sane; a file that has become shorter is no program.
    const auto count = static_cast<std::uint64_t>(result.value);
    if (count == 0 || count > job.bytes - job.got || area.size() < job.bytes) return fail(job, Error::bad_image);
    job.got += count;
    if (job.got != job.bytes) return read_more(job, std::move(area));
    close(job);
    if (const auto kept = programs_.add_loaded(job.paths[job.next], std::move(area), job.bytes); !kept)
        return fail(job, kept.error());
    if (++job.next != job.count) return open_next(job);
    finish(job);
}

// Not waited for. The record goes after the call is on its way, so that a guardian that fails in between closes it again at most.
void DiskPrograms::close(Job& job) {
    if (!job.handle) return;
    (void)file_.send(file::close, file::Handle{*job.handle, 0});
    job.handle.reset();
    state_.files.erase(static_cast<unsigned>(&job - jobs_.data()));
}

void DiskPrograms::fail(Job& job, Error error) {
    log("%s: %s", job.paths[job.next].text, error_text(error));
    close(job);
    answer(job, error);
}

void DiskPrograms::finish(Job& job) {
    const Outcome outcome = job.then(Call{job.control}, clock_ns() - job.begun_ns);
    if (outcome.kind == Outcome::Kind::deferred)
        job.control = 0;
    else
        answer(job, outcome);
}

// The caller may be gone meanwhile: then nobody is left to be told.
void DiskPrograms::answer(Job& job, const Outcome& outcome) {
    (void)Server::answer(job.control, outcome.error, outcome.value, outcome.data);
    job.control = 0;
    job.pending = 0;
}

DiskPrograms::Job* DiskPrograms::job_of(const CallResult& result) {
    for (Job& job : jobs_)
        if (job.control != 0 && job.pending == result.control) return &job;
    return nullptr;
}

Outcome DiskPrograms::on_opened(const CallResult& result) {
    if (Job* job = running_->job_of(result)) {
        job->pending = 0;
        running_->opened(*job, result);
    } else if (result.error == Error::none) {
        // Of a job that was given up, or of the guardian before.
        const auto& opened = *reinterpret_cast<const file::Opened*>(result.control + abi::parameter_base);
        (void)running_->file_.send(file::close, file::Handle{opened.handle, 0});
    }
    return {};
}

Outcome DiskPrograms::on_arrived(const CallResult& result) {
    if (Job* job = running_->job_of(result)) {
        job->pending = 0;
        running_->arrived(*job, result);
    } else if (result.data != 0) {
        (void)sys::ica_release(result.data);
    }
    return {};
}

void DiskPrograms::restore() {
    state_.files.each([this](unsigned index, const FileRecord& record) {
        (void)file_.send(file::close, file::Handle{record.handle, 0});
        state_.files.erase(index);
    });
}

std::uint64_t DiskPrograms::pause_us() {
    std::uint64_t pause = no_limit;
    const std::uint64_t now = reading() ? clock_ns() : 0;
    for (Job& job : jobs_) {
        if (job.control == 0) continue;
        if (now >= job.limit_ns) {
            fail(job, Error::timed_out);
            continue;
        }
        const std::uint64_t left = (job.limit_ns - now) / 1000 + 1;
        if (pause == no_limit || left < pause) pause = left;
    }
    return pause;
}

bool DiskPrograms::reading() const {
    return std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.control != 0; });
}

}  // namespace ant::guardian_server
