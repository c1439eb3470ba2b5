#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// Reading and writing of the files tests work on.
namespace llm::test {

namespace fs = std::filesystem;

inline std::string read_file(const fs::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_file(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

// Folders below `root` that hold a file called `marker`, sorted.
inline std::vector<fs::path> folders_with(const fs::path& root, const std::string& marker)
{
    std::vector<fs::path> out;
    if (!fs::exists(root)) return out;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.path().filename() == marker) out.push_back(entry.path().parent_path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace llm::test
