#include "programs.hpp"

#include "archive.hpp"
#include "manifest_reader.hpp"

#include <ant/process.hpp>

namespace ant::guardian_server {
namespace {

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

}  // namespace

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
    for (const Program& program : all()) save(program);
}

void Programs::restore() {
    state_.programs.each([this](unsigned index, const ProgramRecord& record) {
        const abi::Manifest& manifest = state_.catalogue().manifests[index];
        programs_[index] = {record.name, manifest.abi_version == 0 ? nullptr : &manifest, record.file, record.check,
                            record.image};
        if (index >= count_) count_ = index + 1;
    });
}

Program* Programs::find(std::string_view name) { return by_number(number(name)); }

std::uint16_t Programs::number(std::string_view name) const {
    for (unsigned i = 0; i < count_; ++i)
        if (programs_[i].name.view() == name) return static_cast<std::uint16_t>(i + 1);
    return 0;
}

Program* Programs::by_number(std::uint16_t number) { return number == 0 || number > count_ ? nullptr : &programs_[number - 1]; }

// The core gets a copy. A guardian that fails before it has noted the number leaves an image that nobody uses, no more.
Result<std::uint32_t> Programs::image(Program& program) {
    if (program.manifest == nullptr) return Failure(Error::bad_image);
    if (program.image != 0) return static_cast<std::uint32_t>(program.image);
    Ica copy = ANT_TRY(Ica::reserve(program.file.bytes));
    const std::uint64_t sum = copy_and_sum(copy, program.file.contents());
    if (program.check != 0 && program.check != sum) {
        log("%s: the boot archive is damaged", program.name.text);
        return Failure(Error::bad_image);
    }
    program.image = ANT_TRY(sys::image_create(copy.address(), program.file.bytes));
    (void)copy.detach();
    program.check = sum;
    save(program);
    return static_cast<std::uint32_t>(program.image);
}

void Programs::forget_image(Program& program) {
    log("%s: its image is damaged, the core gets another one", program.name.text);
    (void)sys::image_release(program.image);
    program.image = 0;
    save(program);
}

}  // namespace ant::guardian_server
