// Commands on files and mounts. Paths begin at the root: the shell has no working directory.
#include "commands.hpp"
#include "file_text.hpp"
#include "interrupt_watch.hpp"
#include "json.hpp"

#include <ant/files.hpp>
#include <ant/interface/cache.hpp>

#include <algorithm>
#include <array>

namespace ant::shell {
namespace {

using ull = unsigned long long;

// An absolute path, built and taken apart by names.
class PathName {
public:
    explicit PathName(std::string_view path) {
        if (!path.starts_with('/')) append("/");
        append(path);
    }
    // -> the length before, for `cut`
    std::size_t add(std::string_view name) {
        const std::size_t before = length_;
        if (length_ == 0 || text_[length_ - 1] != '/') append("/");
        append(name);
        return before;
    }
    void cut(std::size_t length) { text_[length_ = length] = '\0'; }
    // Too long a path stays so: the file server refuses it.
    [[nodiscard]] const char* text() const { return text_; }
    [[nodiscard]] std::string_view name() const { return std::string_view{text_}.substr(std::string_view{text_}.rfind('/') + 1); }

private:
    void append(std::string_view more) {
        const std::size_t n = std::min(more.size(), sizeof text_ - 1 - length_);
        std::copy_n(more.begin(), n, text_ + length_);
        cut(length_ + n);
    }
    char text_[file::max_path + file::max_name + 2] = {};
    std::size_t length_ = 0;
};

bool is_directory(const file::Status& status) { return type_of(status.mode) == file::Type::directory; }

int fail_at(const char* path, Error error) {
    out.print("%s: ", path);
    return fail(error);
}

// Listings ----------------------------------------------------------------------------------------

enum class Style : unsigned char { names, full, json };

void print_entry(Json& json, Style style, std::string_view name, const file::Status& status) {
    if (style == Style::json) {
        json.begin_object();
        json.text("name", name);
        json.text("type", type_name(type_of(status.mode)));
        json.number("inode", status.inode);
        json.number("mode", status.mode & 07777);
        json.number("links", status.links);
        json.number("user", status.user);
        json.number("group", status.group);
        json.number("size", status.size);
        json.number("allocated", status.allocated_bytes);
        json.number("modified_ns", static_cast<std::uint64_t>(status.modified_ns));
        return json.end_object();
    }
    out.print("%s %3u %5u %5u %12llu %s %.*s\n", mode_text(status.mode).data(), status.links, status.user, status.group,
              static_cast<ull>(status.size), time_text(status.modified_ns).data(), static_cast<int>(name.size()), name.data());
}

// Names in order, as many at a time as there is room for.
class Names {
public:
    Result<bool> read(Directory& directory) {  // -> false: no more
        count_ = 0;
        used_ = 0;
        if (!storage_) storage_ = ANT_TRY(Ica::reserve(storage_bytes));
        while (count_ != index_.size() && used_ + file::max_name + 1 <= storage_bytes) {
            const auto* entry = ANT_TRY(directory.next());
            if (entry == nullptr) break;
            const std::string_view name{Directory::name(*entry)};
            if (name == "." || name == "..") continue;
            index_[count_++] = {storage_.as<char>() + used_, name.size()};
            std::copy_n(name.data(), name.size() + 1, storage_.as<char>() + used_);
            used_ += name.size() + 1;
        }
        std::sort(index_.data(), index_.data() + count_);
        return count_ != 0;
    }
    [[nodiscard]] std::span<const std::string_view> all() const { return {index_.data(), count_}; }

private:
    static constexpr std::size_t storage_bytes = 64 * 1024;
    Ica storage_;
    std::size_t used_ = 0;
    std::array<std::string_view, 512> index_;
    std::size_t count_ = 0;
};

Result<> list_directory(Json& json, Style style, PathName& path) {
    Directory directory = ANT_TRY(Directory::open(path.text()));
    Names names;
    while (ANT_TRY(names.read(directory))) {
        for (const std::string_view name : names.all()) {
            if (style == Style::names) {
                out.print("%.*s\n", static_cast<int>(name.size()), name.data());
                continue;
            }
            const std::size_t length = path.add(name);
            const auto status = files::status(path.text(), file::path_flag::no_follow);
            path.cut(length);
            if (status) print_entry(json, style, name, *status);  // it may be gone already
        }
    }
    return {};
}

// Contents ----------------------------------------------------------------------------------------

constexpr std::size_t piece_bytes = 64 * 1024;

int print_contents(const File& file) {
    auto area = Ica::reserve(piece_bytes);
    if (!area) return fail(area.error());
    InterruptWatch watch;
    for (std::uint64_t position = 0;;) {
        const auto bytes = file.read_area(*area, 0, piece_bytes, position, file::transfer_flag::read_ahead);
        if (!bytes) return fail(bytes.error());
        if (*bytes == 0) return status::success;
        for (std::size_t done = 0; done < *bytes; done += console::max_text) {
            if (watch.fired()) return status::interrupted;
            out.write({area->as<const char>() + done, std::min<std::size_t>(console::max_text, *bytes - done)});
        }
        position += *bytes;
    }
}

Error write_line(const File& file, std::uint64_t position, std::string_view line) {
    FixedText<max_line + 1> text{line};
    text.append('\n');
    const auto written = file.write(position, std::as_bytes(std::span{text.view()}));
    if (!written) return written.error();
    return *written == text.size() ? Error::none : Error::no_space;
}

// The first name in a directory, "" if it is empty.
Result<FixedText<file::max_name>> first_name(const char* path) {
    Directory directory = ANT_TRY(Directory::open(path));
    for (;;) {
        const auto* entry = ANT_TRY(directory.next());
        if (entry == nullptr) return FixedText<file::max_name>{};
        const std::string_view name{Directory::name(*entry)};
        if (name != "." && name != "..") return FixedText<file::max_name>{name};
    }
}

// Without recursion: a directory whose first entry is a directory is entered, an empty one removed and left.
Result<> remove_tree(PathName& path, InterruptWatch& watch) {
    const std::size_t root = std::string_view{path.text()}.size();
    for (;;) {
        if (watch.fired()) return Failure(Error::cancelled);
        const auto status = ANT_TRY(files::status(path.text(), file::path_flag::no_follow));
        if (is_directory(status)) {
            const auto name = ANT_TRY(first_name(path.text()));
            if (!name.empty()) {
                path.add(name.view());
                continue;
            }
        }
        ANT_TRY(files::remove(path.text(), is_directory(status) ? file::path_flag::directory : 0));
        const std::string_view removed{path.text()};
        if (removed.size() <= root) return {};
        path.cut(removed.rfind('/'));
    }
}

int ended(const char* path, const Result<>& result) {
    if (result) return status::success;
    return result.error() == Error::cancelled ? status::interrupted : fail_at(path, result.error());
}

}  // namespace

int list_files(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json"), full = arguments.take_flag("-l");
    if (arguments.size() > 2) return status::show_usage;
    PathName path{arguments[1]};
    const auto status = files::status(path.text());
    if (!status) return fail_at(path.text(), status.error());
    const Style style = as_json ? Style::json : full ? Style::full : Style::names;
    Json json;
    if (as_json) json.begin_array();
    Result<> listed{};
    if (is_directory(*status))
        listed = list_directory(json, style, path);
    else if (style == Style::names)
        out.print("%s\n", path.text());
    else
        print_entry(json, style, path.name(), *status);
    if (as_json) json.end_array(), json.end_line();
    return ended(path.text(), listed);
}

int print_file(Arguments& arguments) {
    if (arguments.size() != 2) return status::show_usage;
    const PathName path{arguments[1]};
    file::Status status{};
    const auto file = File::open(path.text(), file::open_flag::read, 0, &status);
    if (!file) return fail_at(path.text(), file.error());
    return is_directory(status) ? fail_at(path.text(), Error::is_directory) : print_contents(*file);
}

int write_text(Arguments& arguments) {
    if (arguments.size() < 2) return status::show_usage;
    const PathName path{arguments[1]};
    const bool asks = arguments.size() == 2;
    FixedText<max_line> line;
    for (unsigned i = 2; i < arguments.size(); ++i) {
        if (i != 2) line.append(' ');
        line.append(arguments[i]);
    }
    const auto file = File::open(path.text(), file::open_flag::write | file::open_flag::create | file::open_flag::truncate);
    Error error = file ? Error::none : file.error();
    if (!asks && file) error = write_line(*file, 0, line.view());
    // All lines are taken, also if they cannot be written: they are no commands.
    std::string_view next;
    for (std::uint64_t position = 0; asks; position += next.size() + 1) {
        if (!ask_line(next)) return status::interrupted;
        if (next == ".") break;
        if (error == Error::none) error = write_line(*file, position, next);
    }
    return error == Error::none ? status::success : fail_at(path.text(), error);
}

int remove_file(Arguments& arguments) {
    const bool recursive = arguments.take_flag("-r");
    if (arguments.size() != 2) return status::show_usage;
    PathName path{arguments[1]};
    InterruptWatch watch;
    return ended(path.text(), recursive ? remove_tree(path, watch) : files::remove(path.text()));
}

int make_directory(Arguments& arguments) {
    if (arguments.size() != 2) return status::show_usage;
    const PathName path{arguments[1]};
    return ended(path.text(), files::make_directory(path.text()));
}

int move_file(Arguments& arguments) {
    if (arguments.size() != 3) return status::show_usage;
    const PathName from{arguments[1]};
    PathName to{arguments[2]};
    const auto status = files::status(to.text());
    if (status && is_directory(*status)) to.add(from.name());
    return ended(from.text(), files::rename(from.text(), to.text()));
}

int sync_files(Arguments& arguments) {
    if (arguments.size() != 1) return status::show_usage;
    return ended("sync", files::sync());
}

int list_mounts(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    const auto mounts = files::mounts();
    if (!mounts) return fail(mounts.error());
    Json json;
    if (as_json)
        json.begin_array();
    else
        out.write("DISK PART TYPE              MiB         FREE PATH\n");
    for (unsigned i = 0; i < std::min(mounts->count, file::max_mounts); ++i) {
        const file::MountRecord& m = mounts->mount[i];
        if (!as_json) {
            out.print("%4u %4u %-8.8s %12llu %12llu %.64s%s\n", m.disk, m.partition, m.type, static_cast<ull>(m.bytes >> 20),
                      static_cast<ull>(m.free_bytes >> 20), m.path, m.read_only != 0 ? "  read-only" : "");
            continue;
        }
        json.begin_object();
        json.text("path", name_of(m.path));
        json.text("type", name_of(m.type));
        json.number("disk", m.disk);
        json.number("partition", m.partition);
        json.boolean("read_only", m.read_only != 0);
        json.number("bytes", m.bytes);
        json.number("free_bytes", m.free_bytes);
        json.end_object();
    }
    if (as_json) json.end_array(), json.end_line();
    return status::success;
}

int list_disks(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    if (arguments.size() != 1) return status::show_usage;
    static constinit Client cache{"cache"};
    const auto answer = cache.call(cache::disks, {}, {}, no_limit);
    if (!answer) return fail(answer.error());
    Json json;
    if (as_json)
        json.begin_array();
    else
        out.write("DISK DRIVER       UNIT          MiB MODEL\n");
    for (unsigned i = 0; i < std::min<std::uint32_t>(answer->result.count, cache::max_disks); ++i) {
        const cache::Disk& d = answer->result.disk[i];
        if (!as_json) {
            out.print("%4u %-12.32s %4u %12llu %.44s\n", i, d.driver, d.unit, static_cast<ull>(d.bytes >> 20), d.model);
            continue;
        }
        json.begin_object();
        json.number("disk", i);
        json.text("driver", name_of(d.driver));
        json.number("unit", d.unit);
        json.number("bytes", d.bytes);
        json.text("model", name_of(d.model));
        json.end_object();
    }
    if (as_json) json.end_array(), json.end_line();
    return status::success;
}

int mount_disk(Arguments& arguments) {
    const bool read_only = arguments.take_flag("-r");
    const auto disk = parse_number(arguments[1]), partition = parse_number(arguments[2]);
    if (arguments.size() != 4 || !disk || !partition || *disk >= cache::max_disks || *partition > 255) return status::show_usage;
    const PathName path{arguments[3]};
    return ended(path.text(),
                 files::mount(path.text(), static_cast<std::uint32_t>(*disk), static_cast<std::uint32_t>(*partition), read_only));
}

int unmount_disk(Arguments& arguments) {
    if (arguments.size() != 2) return status::show_usage;
    const PathName path{arguments[1]};
    return ended(path.text(), files::unmount(path.text()));
}

}  // namespace ant::shell
