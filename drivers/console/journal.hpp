// What has been written and read, so that after a failure nothing of it is lost or done twice.
//
// A write is done when one record holds the end of the output and the call's id: its text lies in the ring by then, and
// the screen follows. The screen, which no single store can change, is made anew after a failure from the last of two
// copies and the text since then: the ring still has it. A read is done when it is answered; until then the record tells
// from where its text can be taken back.
#pragma once

#include "state.hpp"

#include <ant/records.hpp>
#include <ant/server.hpp>

namespace ant::console {

class Journal {
public:
    // An empty state, registered.
    static Result<Journal> create();
    // That of the process before. state_refused if it is damaged.
    static Result<Journal> adopt(const sys::State& registered);

    [[nodiscard]] State& state() const { return *reinterpret_cast<State*>(progress_.state); }
    void keep_areas(AreaKeeper& keeper) const;

    // The first copy of the screen; from here on `rebuild` is possible.
    void checkpoint();
    // After a failure: tail and screen as the record has them. False if the rings cannot be right.
    [[nodiscard]] bool rebuild();

    // Takes the whole text of that call, or nothing of it while the serial line has no room.
    bool append(std::uint64_t call, std::string_view text);
    [[nodiscard]] bool appended(std::uint64_t call) const { return progress_.last_write == call; }

    // The first `count` bytes of the input are that call's answer, to be given next.
    void take(std::uint64_t call, std::uint32_t count);
    // The answer was not given. Of an earlier process only if that was the last call that it answered.
    void take_back();
    void take_back(std::uint64_t call) {
        if (progress_.last_read == call) take_back();
    }

private:
    struct Progress {
        std::uint64_t state = 0;                      // address of the state area
        std::uint64_t last_write = 0, last_read = 0;  // ids of calls
        std::uint32_t output_tail = 0;
        std::uint32_t input_head = 0, read_count = 0;  // of last_read
        std::uint32_t checkpoint = 0;                  // which copy,
        std::uint32_t checkpoint_tail = 0;             // where the output ended then,
        std::uint32_t checkpoint_sum = 0;              // and its checksum
    };
    Journal(const RecordStore& store, const Progress& progress);
    void commit() { records_.commit(0, progress_); }

    RecordStore store_;
    Records<Progress> records_;
    Progress progress_;
};

}  // namespace ant::console
