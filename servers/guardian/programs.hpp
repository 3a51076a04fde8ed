// The programs of the boot archive, and the core's images of them. The archive stays as it is: it is the master copy.
#pragma once

#include "state.hpp"

#include <span>

namespace ant::guardian_server {

struct Program {
    Name name;
    const abi::Manifest* manifest = nullptr;  // none: it cannot be started
    AreaBytes file{};                         // in the archive
    std::uint64_t check = 0;                  // of the file, as it was when it was first used
    std::uint64_t image = 0;                  // of the core, from then on; every process that runs the program shares it
};

// Files of the archive that are no programs.
struct OtherFile {
    std::string_view name;
    AreaBytes& place;
};

class Programs {
public:
    constexpr explicit Programs(State& state) : state_{state} {}

    // At boot: notes what is where, and the manifests in the catalogue.
    void load(AreaBytes archive, std::span<OtherFile> others);
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
    // use(image) -> Result. When the core finds that its image has been damaged, it gets a new one from the master.
    template <class Use>
    auto with_image(Program& program, Use use) -> decltype(use(0)) {
        auto used = use(ANT_TRY(image(program)));
        if (used || used.error() != Error::bad_image) return used;
        forget_image(program);
        return use(ANT_TRY(image(program)));
    }

private:
    void add(std::string_view name, AreaBytes file);
    void forget_image(Program& program);
    void save(const Program& program) const;

    State& state_;
    std::array<Program, max_programs> programs_{};
    unsigned count_ = 0;
};

}  // namespace ant::guardian_server
