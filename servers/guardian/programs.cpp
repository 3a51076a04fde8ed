#include "programs.hpp"

#include "archive.hpp"
#include "manifest_reader.hpp"

#include <ant/process.hpp>

#include <algorithm>

namespace ant::guardian_server {
namespace {

// In place of an image's number, while the core makes it.
constexpr std::uint64_t being_made = ~std::uint64_t{0};

// Copies whole words: areas are longer than the files in them. -> a sum that misses no change of a single word
std::uint64_t copy_and_sum(const Ica& to, std::span<const std::byte> from) {
    std::uint64_t sum = from.size();
    for (std::size_t i = 0; i < from.size(); i += sizeof sum) {
        std::uint64_t word = 0;
        std::memcpy(&word, from.data() + i, from.size() - i < sizeof word ? from.size() - i : sizeof word);
        std::memcpy(to.data() + i, &word, sizeof word);
        sum = record::mix(sum, word);
    }
    return sum | 1;  // 0 says that there is none
}

constexpr std::string_view disk_folder = "/bin/";

// Without the number in front.
std::string_view path_in(std::string_view program) {
    const auto slash = program.find('/');
    return slash == std::string_view::npos ? program : program.substr(slash);
}

}  // namespace

Result<Name> path_of(std::string_view name) {
    constexpr std::size_t room = abi::name_bytes - 1 - 2;  // for a digit and a colon ahead
    const std::string_view path = path_in(name);
    const std::string_view folder = path.starts_with('/') ? "" : disk_folder;
    if (path.empty() || folder.size() + path.size() > room) return Failure(Error::name_too_long);
    Name whole{folder};
    std::memcpy(whole.text + folder.size(), path.data(), path.size());
    return whole;
}

std::string_view rule_name(std::string_view program) {
    const std::string_view path = path_in(program);
    if (!path.starts_with(disk_folder)) return path;
    const std::string_view name = path.substr(disk_folder.size());
    return name.find('/') == std::string_view::npos ? name : path;
}

std::string_view base_name(std::string_view program) { return program.substr(program.rfind('/') + 1); }

void Programs::load(AreaBytes archive, std::span<OtherFile> others) {
    ArchiveReader reader{archive.contents()};
    for (auto entry = reader.next(); entry || entry.error() != Error::not_found; entry = reader.next()) {
        if (!entry) return log("the boot archive is damaged behind its file %u", count_);
        const AreaBytes file{archive.address + entry->offset, entry->bytes};
        bool other = false;
        for (const OtherFile& wanted : others) {
            if (wanted.name != entry->name) continue;
            wanted.place = file;
            other = true;
        }
        if (!other) add(entry->name, file);
    }
}

void Programs::add(std::string_view name, AreaBytes file) {
    if (!Name::fits(name)) return log("a file's name in the boot archive is too long");
    if (count_ == max_programs) return log("%s: the boot archive holds too many files", Name{name}.text);
    Program& program = programs_[count_];
    abi::Manifest& manifest = state_.catalogue().manifests[count_];
    ++count_;
    program = {Name{name}, nullptr, file};
    manifest.abi_version = 0;
    if (const auto found = read_manifest(file.contents())) {
        manifest = *found;
        program.manifest = &manifest;
    }
}

void Programs::save(const Program& program) const {
    state_.programs.commit(static_cast<unsigned>(&program - programs_.data()),
                           {program.name, program.file, program.check, program.image});
}

void Programs::save() const {
    for (const Program& program : archive()) save(program);
}

void Programs::restore() {
    state_.programs.each([this](unsigned index, const ProgramRecord& record) {
        if (index >= max_programs) {
            set_loaded(index - max_programs, record.name, record.file);
            programs_[index].check = record.check;
            programs_[index].image = record.image;
            return;
        }
        const abi::Manifest& manifest = state_.catalogue().manifests[index];
        programs_[index] = {record.name, manifest.abi_version == 0 ? nullptr : &manifest, record.file, record.check,
                            record.image};
        if (index >= count_) count_ = index + 1;
    });
    for (const Program& program : programs_)
        if (program.image == being_made) return forget_all();
}

Program* Programs::find(std::string_view name) { return by_number(number(name)); }

std::uint16_t Programs::number(std::string_view name) const {
    if (name.empty()) return 0;
    for (unsigned i = 0; i < programs_.size(); ++i)
        if (programs_[i].name.is(name)) return static_cast<std::uint16_t>(i + 1);
    return 0;
}

Program* Programs::by_number(std::uint16_t number) {
    if (number == 0 || number > programs_.size() || programs_[number - 1].name.empty()) return nullptr;
    return &programs_[number - 1];
}

bool Programs::in_archive(std::string_view name) const {
    const auto index = number(name);
    return index != 0 && index <= max_programs;
}

Program* Programs::wanted(std::string_view name) {
    if (const auto index = number(name); index != 0 && index <= max_programs) return by_number(index);
    const auto path = path_of(name);
    Program* newest = nullptr;
    for (unsigned i = 0; path && i < max_loaded; ++i) {
        Program& program = programs_[max_programs + i];
        if (read_[i] == 0 || path_in(program.name.view()) != path->view()) continue;
        if (newest == nullptr || read_[i] > read_[newest - &programs_[max_programs]]) newest = &program;
    }
    return newest;
}

template <class Matches>
Program* Programs::find_loaded(Matches matches) {
    for (unsigned i = 0; i < max_loaded; ++i)
        if (read_[i] != 0 && matches(programs_[max_programs + i])) return &programs_[max_programs + i];
    return nullptr;
}

void Programs::set_loaded(unsigned index, const Name& name, AreaBytes file) {
    Program& program = programs_[max_programs + index];
    program = {name, nullptr, file};
    if (const auto found = read_manifest(file.contents())) {
        manifests_[index] = *found;
        program.manifest = &manifests_[index];
    }
    read_[index] = ++reads_;
}

// The core's listings know a program by its name alone.
Result<Name> Programs::free_name(const Name& path) {
    if (find(path.view()) == nullptr) return path;
    for (char digit = '2'; digit <= '9'; ++digit) {
        Name name{std::string_view{&digit, 1}};
        name.text[1] = ':';
        std::memcpy(name.text + 2, path.text, sizeof name.text - 2);
        if (find(name.view()) == nullptr) return name;
    }
    return Failure(Error::too_many);
}

Result<> Programs::add_loaded(const Name& path, Ica area, std::uint64_t bytes) {
    const std::span<const std::byte> contents{area.data(), bytes};
    Program* const same = find_loaded([&](const Program& program) {
        return path_in(program.name.view()) == path.view() && program.file.bytes == bytes &&
               std::memcmp(program.file.contents().data(), contents.data(), bytes) == 0;
    });
    if (same != nullptr) {
        read_[same - &programs_[max_programs]] = ++reads_;
        return {};
    }
    const Name name = ANT_TRY(free_name(path));
    const auto place = std::find(read_.begin(), read_.end(), 0u) - read_.begin();
    if (place == max_loaded) return Failure(Error::too_many);
    const auto index = static_cast<unsigned>(place);
    set_loaded(index, name, {area.address(), bytes});
    save(programs_[max_programs + index]);
    (void)area.detach();
    return {};
}

void Programs::release(unsigned index) {
    Program& program = programs_[max_programs + index];
    if (program.image != 0) (void)sys::image_release(program.image);
    const std::uint64_t file = program.file.address;
    program = {};
    read_[index] = 0;
    state_.programs.erase(max_programs + index);
    (void)sys::ica_release(file);
}

// A process that ends for good needs no second one; its image in the core lives as long as it does.
bool Programs::needed(const Program& program, const Listings& listings) const {
    const auto name = program.name.view();
    const auto number = static_cast<std::uint16_t>(&program - programs_.data() + 1);
    if (find_record(state_.slots, [&](const SlotRecord& slot) { return slot.program == number || slot.previous == number; }))
        return true;
    const bool runs = listings.search<abi::ProcessRecord>(abi::ListKind::processes, [&](const abi::ProcessRecord& process) {
        return (process.flags & abi::process_flag::restart) != 0 && bounded(process.program) == name;
    });
    return runs || listings.search<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& server) {
        return server.vacant != 0 && bounded(server.program) == name;
    });
}

void Programs::release_unused(const Listings& listings) {
    for (unsigned i = 0; i < max_loaded; ++i)
        if (read_[i] != 0 && !needed(programs_[max_programs + i], listings)) release(i);
}

// The core gets a copy.
Result<std::uint32_t> Programs::image(Program& program) {
    if (program.manifest == nullptr) return Failure(Error::bad_image);
    if (program.image != 0) return static_cast<std::uint32_t>(program.image);
    Ica copy = ANT_TRY(Ica::reserve(program.file.bytes));
    const std::uint64_t sum = copy_and_sum(copy, program.file.contents());
    if (program.check != 0 && program.check != sum) {
        log("%s: the boot archive is damaged", program.name.text);
        return Failure(Error::bad_image);
    }
    program.check = sum;
    program.image = being_made;
    save(program);
    const auto made = sys::image_create(copy.address(), program.file.bytes);
    program.image = made ? *made : 0;
    save(program);
    if (!made) return Failure(made.error());
    (void)copy.detach();
    return static_cast<std::uint32_t>(program.image);
}

void Programs::forget_all() {
    (void)sys::image_release(abi::all_images);
    for (Program& program : programs_) {
        if (program.image == 0) continue;
        program.image = 0;
        save(program);
    }
}

void Programs::forget_image(Program& program) {
    log("%s: its image is damaged, the core gets another one", program.name.text);
    (void)sys::image_release(program.image);
    program.image = 0;
    save(program);
}

}  // namespace ant::guardian_server
