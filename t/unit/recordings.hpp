#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/gemini/gemini.hpp"
#include "dialects/openai/openai.hpp"
#include "files.hpp"
#include "json/document.hpp"

// Recorded exchanges with providers. They are other people's data, so they live
// outside the repository; where they are not, the tests that need them skip.
namespace llm::test {

struct Recording {
    enum class Kind { stream, answer, error };

    std::string name;  // folder/file
    Kind kind;
    const dialects::Dialect* dialect;
    std::string bytes;  // as they came over the wire
    int status = 200;
};

inline fs::path recordings_root()
{
    const char* set = std::getenv("LLM_FIXTURES");
    return set ? fs::path(set) : fs::path("../shared/wire/fixtures");
}

// What stands behind `data:` in an event stream, one line an event.
inline std::vector<std::string> payloads(std::string_view stream)
{
    std::vector<std::string> out;
    while (!stream.empty()) {
        size_t end = std::min(stream.find_first_of("\r\n"), stream.size());
        std::string_view line = stream.substr(0, end);
        stream.remove_prefix(std::min(end + 1, stream.size()));
        if (!line.starts_with("data:")) continue;
        line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
        out.emplace_back(line);
    }
    return out;
}

class Recordings {
public:
    Recordings()
    {
        for (const char* folder : {"openai-chat", "azure-openai", "cerebras", "deepseek", "groq", "mistral", "moonshot",
                                   "ollama-openai-compat", "openrouter", "perplexity", "qwen-dashscope", "vllm-like",
                                   "xai", "zai-glm", "anthropic-openai-compat"}) {
            read_folder(folder, openai::kDialect);
        }
        read_folder("anthropic", anthropic::kDialect);
        read_folder("gemini", gemini::kDialect);
    }

    std::vector<Recording> of(Recording::Kind kind) const
    {
        std::vector<Recording> out;
        for (const Recording& r : all_) {
            if (r.kind == kind) out.push_back(r);
        }
        return out;
    }
    size_t size() const { return all_.size(); }

private:
    void read_folder(const std::string& folder, const dialects::Dialect& dialect)
    {
        if (!fs::exists(recordings_root() / folder)) return;
        std::vector<fs::path> paths;
        for (const auto& entry : fs::directory_iterator(recordings_root() / folder)) paths.push_back(entry.path());
        std::sort(paths.begin(), paths.end());
        for (const fs::path& path : paths) read_one(path, dialect);
    }

    void read_one(const fs::path& path, const dialects::Dialect& dialect)
    {
        std::string file = path.filename();
        // `.request.json` tells of the exchange; responses-* speak another format.
        if (file.ends_with(".request.json") || file.starts_with("responses-")) return;
        Recording r{path.parent_path().filename().string() + '/' + file, Recording::Kind::stream, &dialect,
                    read_file(path)};
        if (file.ends_with(".chunks.jsonl")) r.bytes = framed(r.bytes, dialect);
        if (file.ends_with(".json")) {
            if (!sort_body(r)) return;
            if (r.kind == Recording::Kind::error) r.status = status_of(path);
        } else if (!is_chat(payloads(r.bytes).at(0))) {
            return;
        }
        all_.push_back(std::move(r));
    }

    // One payload a line, without framing and without the last `[DONE]`.
    static std::string framed(const std::string& lines, const dialects::Dialect& dialect)
    {
        std::string out;
        for (size_t at = 0; at < lines.size();) {
            size_t end = std::min(lines.find('\n', at), lines.size());
            if (end > at) out += "data: " + lines.substr(at, end - at) + "\n\n";
            at = end + 1;
        }
        return out + (&dialect == &openai::kDialect ? "data: [DONE]\n\n" : "");
    }

    // Neither an old completion nor an event of the Responses format.
    static bool is_chat(const std::string& payload)
    {
        json::Document doc;
        if (!doc.parse(payload, json::Mode::liberal).ok()) return false;
        const json::Value* object = doc.root().find("object");
        if (object && object->is("text_completion")) return false;
        const json::Value* type = doc.root().find("type");
        return doc.root().find("choices") || doc.root().find("candidates") || (type && type->is("message_start"));
    }

    static bool sort_body(Recording& r)
    {
        json::Document doc;
        if (!doc.parse(r.bytes, json::Mode::liberal).ok()) return false;
        const json::Value* type = doc.root().find("type");
        bool answer = is_chat(r.bytes) || (type && type->is("message"));
        r.kind = answer ? Recording::Kind::answer : Recording::Kind::error;
        return answer || doc.root().get("error");
    }

    // The exchange's own file tells the status; without one it was a 400.
    static int status_of(fs::path path)
    {
        std::string file = path.filename();
        constexpr std::string_view kEnd = ".response.json";
        if (!file.ends_with(kEnd)) return 400;
        path.replace_filename(file.substr(0, file.size() - kEnd.size()) + ".request.json");
        std::string text = read_file(path);
        json::Document doc;
        if (!doc.parse(text, json::Mode::liberal).ok()) return 400;
        const json::Value* status = doc.root().find("response_status");
        return status ? static_cast<int>(status->to_uint().value_or(400)) : 400;
    }

    std::vector<Recording> all_;
};

}  // namespace llm::test
