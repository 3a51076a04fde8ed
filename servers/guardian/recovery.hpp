// Recovery: gives vacant slots their next process, brings the program before back, or gives up (docs/recovery.md).
#pragma once

#include "boot_config.hpp"
#include "listing.hpp"
#include "notices.hpp"
#include "policy.hpp"
#include "programs.hpp"

namespace ant::guardian_server {

class Recovery {
public:
    constexpr Recovery(State& state, Programs& programs, const BootConfig& config, const Listings& listings, Notices& notices)
        : state_{state}, programs_{programs}, config_{config}, listings_{listings}, notices_{notices} {}

    // Looks at the faults and slots: after event::process_ended, and when a pause is over.
    void look();
    // Looks if a pause is over. -> microseconds until the next one is, no_limit if there is none
    std::uint64_t pause_us();

    // The start of a slot's next process has ended, well or not.
    void ended(const abi::ReplaceResult& result);

    // How long `program` is on probation in a slot that runs `before`; 0: not at all.
    [[nodiscard]] std::uint32_t probation_us(std::string_view before, std::string_view program) const;
    // `program` has taken the place of `before`.
    void replaced(std::string_view slot, std::string_view before, std::string_view program, std::uint32_t probation_us);
    // The program that a slot runs, or ran when it failed.
    [[nodiscard]] Result<Name> program_of(std::string_view slot);
    // The slot's present process was damaged on purpose: that it fails says nothing about its program.
    void poked(const abi::ServerRecord& server);

private:
    struct Vacant {
        Name slot, program;
        std::uint32_t slot_id, deadline_us;
        std::uint64_t served;
    };
    unsigned vacant_slots();
    void read_faults(unsigned vacant);
    void take(const abi::FaultRecord& fault, const Vacant& vacant);
    void roll_back(SlotRecord& record);
    void revive(const Vacant& vacant, std::uint64_t now_ns);
    Error start(const SlotRecord& record, Program& program, std::uint64_t now_ns);
    void give_up(const Vacant& vacant, const SlotRecord& record);
    // The record of that slot; a new one if there is none yet.
    unsigned record_of(std::string_view slot, std::uint32_t slot_id);
    unsigned new_record();
    void look_again(std::uint64_t time_ns);

    State& state_;
    Programs& programs_;
    const BootConfig& config_;
    const Listings& listings_;
    Notices& notices_;
    std::array<Vacant, max_slots> vacant_{};
    std::array<bool, max_slots> reviving_{};  // by record: its next process is being started
    std::uint32_t newest_ = 0;                // faults up to this one have been seen
    std::uint64_t look_ns_ = 0;               // when a pause is over, 0: there is none
};

}  // namespace ant::guardian_server
