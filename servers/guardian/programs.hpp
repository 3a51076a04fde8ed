// The programs of the boot archive and those read from disk, and the core's images of them. The archive stays as it is: it is
// the master copy. Of a program from disk the area into which it was read is, for as long as a server runs it that may be
// restarted: a restart needs no disk.
#pragma once

#include "listing.hpp"
#include "state.hpp"

#include <span>

namespace ant::guardian_server {

struct Program {
    // Of one from disk its path; "2:/bin/x" if another one from the same path, with other contents, is still there.
    Name name;
    const abi::Manifest* manifest = nullptr;  // none: it cannot be started
    AreaBytes file{};                         // in the archive, or an area
    std::uint64_t check = 0;                  // of the file, as it was when it was first used
    std::uint64_t image = 0;                  // of the core, from then on; every process that runs the program shares it
};

// Files of the archive that are no programs.
struct OtherFile {
    std::string_view name;
    AreaBytes& place;
};

// Where a program is that is not in the archive: NAME is /bin/NAME. name_too_long: not to be told apart in the core's listings.
Result<Name> path_of(std::string_view name);
// By which boot.conf knows a program: /bin/NAME as NAME, whoever may write there is trusted; any other by its path.
std::string_view rule_name(std::string_view program);
// The last part of its path.
std::string_view base_name(std::string_view program);

class Programs {
public:
    constexpr explicit Programs(State& state) : state_{state} {}

    // At boot: notes what is where, and the manifests in the catalogue.
    void load(AreaBytes archive, std::span<OtherFile> others);
    // Writes the records, when the state is there.
    void save() const;
    // In a guardian that takes over.
    void restore();

    // By its own name.
    [[nodiscard]] Program* find(std::string_view name);
    // What somebody means by a name or path: the one in the archive, or the one read last.
    [[nodiscard]] Program* wanted(std::string_view name);
    [[nodiscard]] bool in_archive(std::string_view name) const;
    [[nodiscard]] std::span<const Program> archive() const { return {programs_.data(), count_}; }

    // A program from disk. The area is kept, unless one with the same contents is there.
    Result<> add_loaded(const Name& path, Ica area, std::uint64_t bytes);
    // Forgets those from disk that no server needs.
    void release_unused(const Listings& listings);
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
    void set_loaded(unsigned index, const Name& name, AreaBytes file);
    void release(unsigned index);
    [[nodiscard]] bool needed(const Program& program, const Listings& listings) const;
    [[nodiscard]] Result<Name> free_name(const Name& path);
    template <class Matches>
    Program* find_loaded(Matches matches);
    void forget_image(Program& program);
    // The core lets go of all of them: somebody failed before the number of one was on record.
    void forget_all();
    void save(const Program& program) const;

    State& state_;
    std::array<Program, max_programs + max_loaded> programs_{};  // first those of the archive
    std::array<abi::Manifest, max_loaded> manifests_{};          // of those from disk
    std::array<std::uint64_t, max_loaded> read_{};               // when, in order; 0: no program
    std::uint64_t reads_ = 0;
    unsigned count_ = 0;  // in the archive
};

}  // namespace ant::guardian_server
