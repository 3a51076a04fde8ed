// DiskPrograms: reads programs from the file server for calls that wait meanwhile. The guardian itself waits for nobody: each
// step is an asynchronous call with a time limit, and what comes too late is given back.
#pragma once

#include "programs.hpp"

#include <ant/interface/file.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/server.hpp>

namespace ant::guardian_server {

class DiskPrograms {
public:
    // Goes on with a call whose programs are there. `read_ns`: what reading them took.
    using Then = Outcome (*)(Call call, std::uint64_t read_ns);

    constexpr DiskPrograms(State& state, Programs& programs) : state_{state}, programs_{programs} {}

    // Those of `names` that are not in the archive are read, also if they have been read before: the file may have changed.
    // Then `then` answers the call; if one cannot be read, the call is answered with the reason.
    Outcome read(Call call, std::span<const Name> names, Then then);

    void listen(Server& server);
    // Results of the file server.
    static Outcome on_opened(const CallResult& result);
    static Outcome on_arrived(const CallResult& result);
    // In a guardian that takes over: closes the files of the one before.
    void restore();
    // Gives up what takes too long. -> microseconds until the next limit, no_limit if nothing is being read
    std::uint64_t pause_us();
    [[nodiscard]] bool reading() const;

private:
    // One call. Its files are read one after the other.
    struct Job {
        std::uint64_t control = 0;  // of the call; 0: free
        Then then = nullptr;
        std::array<Name, guardian::max_replace> paths{};
        unsigned count = 0, next = 0;
        std::uint64_t begun_ns = 0, limit_ns = 0;
        std::uint64_t pending = 0;  // control ICA of the call to the file server
        std::uint32_t user = 0;
        std::optional<std::uint32_t> handle{};
        std::uint64_t bytes = 0, got = 0;  // of the file; its area is on the way
    };

    void open_next(Job& job);
    void opened(Job& job, const CallResult& result);
    void read_more(Job& job, Ica area);
    void arrived(Job& job, const CallResult& result);
    void close(Job& job);
    void fail(Job& job, Error error);
    void finish(Job& job);
    void answer(Job& job, const Outcome& outcome);
    Job* job_of(const CallResult& result);
    void sent(Job& job, const Result<std::uint64_t>& control);

    static DiskPrograms* running_;

    State& state_;
    Programs& programs_;
    Client file_{"file"};
    std::array<Job, max_jobs> jobs_{};
};

}  // namespace ant::guardian_server
