#include "programs.hpp"

#include "archive.hpp"
#include "manifest_reader.hpp"

#include <ant/process.hpp>

namespace ant::guardian_server {
namespace {

// What is left of the archive while it is taken apart from front to back.
class Rest {
public:
    Rest(std::uint64_t address, std::size_t pages) : area_{Ica::adopt(address, pages)} {}

    [[nodiscard]] std::size_t position() const { return position_; }
    // The next `pages` pages as an area of their own.
    Result<Ica> take(std::size_t pages) {
        const std::size_t left = area_.pages();
        if (pages == 0 || pages > left) return Failure(Error::invalid_argument);
        const std::uint64_t head = area_.address();
        std::uint64_t tail = 0;
        if (pages < left) tail = ANT_TRY(sys::ica_split(head, pages));
        area_.detach();
        if (tail != 0) area_ = Ica::adopt(tail, left - pages);
        position_ += pages;
        return Ica::adopt(head, pages);
    }
    Result<> skip_to(std::size_t page) {
        if (page > position_) ANT_TRY(take(page - position_));
        return {};
    }

private:
    Ica area_;
    std::size_t position_ = 0;
};

// Contents that do not begin at a page border were not written by our tools; they cost a copy.
Result<Ica> copy_of(std::span<const std::byte> contents) {
    Ica area = ANT_TRY(Ica::reserve(contents.size()));
    std::memcpy(area.data(), contents.data(), contents.size());
    return area;
}

}  // namespace

unsigned Programs::collect(std::span<const std::byte> archive) {
    ArchiveReader reader{archive};
    unsigned count = 0;
    for (;;) {
        const auto entry = reader.next();
        if (!entry) {
            if (entry.error() != Error::not_found) log("the boot archive is damaged behind its file %u", count);
            return count;
        }
        if (!Name::fits(entry->name)) {
            log("a file's name in the boot archive is too long");
            continue;
        }
        if (count == max_programs) {
            log("the boot archive holds more than %u files", max_programs);
            return count;
        }
        files_[count++] = {Name{entry->name}, entry->offset, entry->bytes};
    }
}

void Programs::keep(const File& file, Ica area, std::span<OtherFile> others) {
    for (const OtherFile& other : others) {
        if (other.name != file.name.view()) continue;
        other.place = {area.detach(), file.bytes};
        return;
    }
    Program& program = programs_[count_];
    abi::Manifest& manifest = state_.catalogue().manifests[count_];
    ++count_;
    program.name = file.name;
    program.bytes = file.bytes;
    manifest = {};
    manifest.abi_version = 0;
    if (!area) return;
    if (const auto found = read_manifest(area.bytes().first(file.bytes))) {
        manifest = *found;
        program.manifest = &manifest;
    }
    program.file = area.detach();
    if (program.manifest == nullptr) return;
    if (const auto given = give_to_core(program); !given) log("%s: %s", program.name.text, error_text(given.error()));
}

void Programs::load(std::uint64_t archive, std::size_t bytes, std::span<OtherFile> others) {
    const std::span contents{reinterpret_cast<const std::byte*>(archive), bytes};
    const unsigned count = collect(contents);
    // Copies first: taking the archive apart ends what they are made from.
    std::array<Ica, max_programs> copies;
    for (unsigned i = 0; i < count; ++i) {
        const File& file = files_[i];
        if (file.offset % abi::page_size == 0 || file.bytes == 0) continue;
        if (auto copy = copy_of(contents.subspan(file.offset, file.bytes))) copies[i] = std::move(*copy);
    }
    Rest rest{archive, pages_for(bytes)};
    for (unsigned i = 0; i < count; ++i) {
        const File& file = files_[i];
        Ica area = std::move(copies[i]);
        if (file.bytes != 0 && !area && file.offset % abi::page_size == 0) {
            const auto skipped = rest.skip_to(file.offset / abi::page_size);
            auto taken = skipped ? rest.take(pages_for(file.bytes)) : Result<Ica>{Failure(skipped.error())};
            if (taken)
                area = std::move(*taken);
            else
                log("%s: %s", file.name.text, error_text(taken.error()));
        }
        keep(file, std::move(area), others);
    }
}

void Programs::save(unsigned index) const {
    const Program& program = programs_[index];
    state_.programs.commit(index, {program.name, program.bytes, program.file, program.image});
}

void Programs::save() const {
    for (unsigned i = 0; i < count_; ++i) save(i);
}

void Programs::restore() {
    state_.programs.each([this](unsigned index, const ProgramRecord& record) {
        const abi::Manifest& manifest = state_.catalogue().manifests[index];
        programs_[index] = {record.name, manifest.abi_version == 0 ? nullptr : &manifest, record.file, record.bytes,
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

// The core has a table of limited size: what it cannot take stays here, and is offered again when it is wanted.
Result<> Programs::give_to_core(Program& program) {
    program.image = ANT_TRY(sys::image_create(program.file, program.bytes));
    program.file = 0;
    return {};
}

Result<std::uint32_t> Programs::image(Program& program) {
    if (program.manifest == nullptr) return Failure(Error::bad_image);
    if (program.image == 0) {
        ANT_TRY(give_to_core(program));
        save(static_cast<unsigned>(&program - programs_.data()));
    }
    return static_cast<std::uint32_t>(program.image);
}

}  // namespace ant::guardian_server
