// What the guardian keeps when it fails or is replaced: records in its state ICA, and the areas that they speak of.
//
// The listings of the core are the truth about servers and processes; here is only what the core does not know.
#pragma once

#include "name.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/ica.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/records.hpp>

#include <array>
#include <optional>

namespace ant::guardian_server {

inline constexpr std::uint32_t state_format = 2;
inline constexpr unsigned max_programs = 96, max_cards = 16, max_slots = 96, max_starts = 64, max_operations = 4;
inline constexpr unsigned max_loaded = 24;  // programs from disk that are kept
inline constexpr unsigned max_jobs = 16;    // calls whose programs are being read

// A part of the boot archive, or an area and how much of it is used.
struct AreaBytes {
    std::uint64_t address = 0, bytes = 0;

    [[nodiscard]] std::span<const std::byte> contents() const { return {reinterpret_cast<const std::byte*>(address), bytes}; }
    [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(address), bytes}; }
};

// Committed last at boot: with it the rest is complete.
struct Root {
    AreaBytes config, symbols;               // in the archive
    AreaBytes catalogue, listings, journal;  // areas
    std::uint32_t catalogue_check;
    std::uint32_t next_rule;  // of boot.conf: those before it have been started
    std::uint32_t last_transaction;
    std::uint32_t reserved;
};

struct ProgramRecord {
    Name name;
    AreaBytes file;
    std::uint64_t check, image;
};

// A slot that has failed, or whose program is on probation.
struct SlotRecord {
    Name slot;
    std::uint32_t slot_id;
    std::uint32_t handled;            // number of the last fault that was looked at
    std::uint16_t program, previous;  // index in the programs + 1; previous: what a roll-back brings back, 0 = none
    std::uint32_t streak;             // failures in a row without good time
    std::uint32_t poked_pid;          // this process was damaged on purpose
    std::uint32_t reserved;
    std::uint64_t revived_ns;  // when its process was asked for
    std::uint64_t retry_ns;    // not to be started before
    std::uint64_t probation_until_ns;
    std::uint64_t served;  // calls, when its process was asked for
};

// A call of `start`: written before the process is made, and again after.
struct StartRecord {
    std::uint64_t call_id;
    Name slot;
    std::uint32_t pid, slot_id;  // 0: not made yet, as far as is known
    std::uint32_t faults;        // number of the newest fault before
    std::uint32_t wait;
};

// A call of `replace`: what was asked for is in the journal at the same index.
struct OperationRecord {
    std::uint64_t call_id;
    std::uint64_t begun_ns;
    std::uint32_t transaction;  // 0: in the order of the paper, which knows no transactions
    std::uint32_t reserved;
};

// A file that is open while a program is read.
struct FileRecord {
    std::uint32_t handle;
    std::uint32_t reserved;
};

// A PCI function that some program of boot.conf drives.
struct Card {
    std::uint32_t address, id;
    std::uint32_t class_code;  // class << 16 | subclass << 8 | interface
    std::uint32_t number;      // of the slot, among those with the same base name
};

// Found out once at boot, never changed.
struct Catalogue {
    std::array<abi::Manifest, max_programs> manifests;  // abi_version 0: the program has none
    std::array<Card, max_cards> cards;
    std::uint32_t card_count;
};

enum class Member : std::uint8_t { waiting, under_way, ended };
struct Operation {
    guardian::Replace request;
    guardian::Replaced replaced;
    std::array<Name, guardian::max_replace> before;  // programs
    std::array<Member, guardian::max_replace> member;
    std::uint64_t read_ns;  // the programs, from disk
};
using Journal = std::array<Operation, max_operations>;

class State {
public:
    Root root{};
    Records<ProgramRecord> programs;
    Records<SlotRecord> slots;
    Records<StartRecord> starts;
    Records<OperationRecord> operations;
    Records<FileRecord> files;

    // At boot, after the areas of `root` are there. The root is to be saved when everything else is.
    Result<> create();
    // Takes over what the guardian before has left.
    Result<> adopt(const sys::State& registered);
    // Releases areas that a guardian which failed had and nobody knows of.
    void sweep() const;
    void save_root() const { roots_.commit(0, root); }

    [[nodiscard]] Catalogue& catalogue() const { return *reinterpret_cast<Catalogue*>(root.catalogue.address); }
    [[nodiscard]] Journal& journal() const { return *reinterpret_cast<Journal*>(root.journal.address); }

private:
    void find_tables();

    std::optional<RecordStore> store_;
    mutable Records<Root> roots_;
};

// Index of the record for which `matches(record)`, or nothing.
template <class T, class Matches>
std::optional<unsigned> find_record(const Records<T>& records, Matches matches) {
    T data;
    for (unsigned i = 0; i < records.capacity(); ++i)
        if (records.load(i, data) == Records<T>::Found::good && matches(data)) return i;
    return std::nullopt;
}
template <class T>
std::optional<unsigned> free_record(const Records<T>& records) {
    T data;
    for (unsigned i = 0; i < records.capacity(); ++i)
        if (records.load(i, data) != Records<T>::Found::good) return i;
    return std::nullopt;
}

}  // namespace ant::guardian_server
