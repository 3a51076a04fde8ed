// The programs of the boot archive, and the core's images of those that have been used.
#pragma once

#include "name.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/ica.hpp>

#include <array>
#include <optional>
#include <span>

namespace ant::guardian_server {

struct Program {
    Name name;
    std::optional<abi::Manifest> manifest;  // none: it cannot be started
    Ica file;                               // until the core has it
    std::size_t bytes = 0;
    std::uint64_t image = 0;  // of the core, from the first use on; every further start shares it
};

class Programs {
public:
    static constexpr unsigned max_programs = 96;

    // Takes the archive apart: each program gets an area of its own, everything between them is released.
    // The text of the file `config_name` goes to `config`.
    void load(std::uint64_t archive, std::size_t bytes, std::string_view config_name, Ica& config, std::size_t& config_bytes);

    [[nodiscard]] Program* find(std::string_view name);
    [[nodiscard]] std::span<const Program> all() const { return {programs_.data(), count_}; }
    // The core's image of a program.
    static Result<std::uint32_t> image(Program& program);

private:
    struct File {
        Name name;
        std::size_t offset, bytes;
    };
    unsigned collect(std::span<const std::byte> archive);
    void keep(const File& file, Ica area, std::string_view config_name, Ica& config, std::size_t& config_bytes);

    std::array<Program, max_programs> programs_{};
    std::array<File, max_programs> files_{};
    unsigned count_ = 0;
};

}  // namespace ant::guardian_server
