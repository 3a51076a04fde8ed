// From the path of a request to that of a file.
#pragma once

#include "http.hpp"

#include <array>
#include <cstddef>

namespace ant::web {

inline constexpr std::string_view files_folder = "/www", upload_folder = "/www/upload", upload_prefix = "/upload/";
inline constexpr std::size_t max_path = 256;  // of a file, with its NUL

struct Path {
    std::array<char, max_path> text{};

    [[nodiscard]] std::string_view view() const { return text.data(); }
    [[nodiscard]] bool append(std::string_view part);
};

// /www and the decoded path; index.html at the end of a folder. Status::none, or why not: forbidden for a path that would lead
// out of /www or to a hidden file.
Status file_path(std::string_view request_path, Path& path);
// /www/upload/NAME: the name of one file.
Status upload_path(std::string_view request_path, Path& path);
// By the last suffix.
const char* content_type(std::string_view path);

}  // namespace ant::web
