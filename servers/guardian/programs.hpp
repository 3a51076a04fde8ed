// The programs of the boot archive, and the core's images of them.
#pragma once

#include "state.hpp"

#include <span>

namespace ant::guardian_server {

struct Program {
    Name name;
    const abi::Manifest* manifest = nullptr;  // none: it cannot be started
    std::uint64_t file = 0;                   // its area, until the core has it
    std::uint64_t bytes = 0;
    std::uint64_t image = 0;  // of the core; every process that runs the program shares it
};

// Files of the archive that are no programs.
struct OtherFile {
    std::string_view name;
    AreaBytes& place;
};

class Programs {
public:
    constexpr explicit Programs(State& state) : state_{state} {}

    // At boot: takes the archive apart. Each file gets an area of its own, everything between them is released. The
    // core gets all programs at once: a guardian that fails later finds their numbers in its records.
    void load(std::uint64_t archive, std::size_t bytes, std::span<OtherFile> others);
    // Writes the records, when the state is there.
    void save() const;
    // In a guardian that takes over.
    void restore();

    [[nodiscard]] Program* find(std::string_view name);
    [[nodiscard]] std::span<const Program> all() const { return {programs_.data(), count_}; }
    // Number in the records: index + 1. 0: no such program.
    [[nodiscard]] std::uint16_t number(std::string_view name) const;
    [[nodiscard]] Program* by_number(std::uint16_t number);
    // The core's image of a program.
    Result<std::uint32_t> image(Program& program);

private:
    struct File {
        Name name;
        std::size_t offset, bytes;
    };
    unsigned collect(std::span<const std::byte> archive);
    void keep(const File& file, Ica area, std::span<OtherFile> others);
    Result<> give_to_core(Program& program);
    void save(unsigned index) const;

    State& state_;
    std::array<Program, max_programs> programs_{};
    std::array<File, max_programs> files_{};
    unsigned count_ = 0;
};

}  // namespace ant::guardian_server
