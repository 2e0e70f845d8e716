#include "CSimdJSON.h"

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <cstring>
#include <new>

#include "lines.hpp"
#include "pick.hpp"
#include "walk.hpp"

namespace {

/// Finds the structure of a document; the indexes are then in `reader->parser`.
int32_t index(kj_reader *reader, const uint8_t *text, uint32_t length) {
  if (length == 0) return KJ_EMPTY;
  if (length > reader->max_bytes) return KJ_TOO_LARGE;
  if (length > reader->parser->capacity()) {
    uint64_t wanted = uint64_t(reader->parser->capacity()) * 2;
    if (wanted < length) wanted = length;
    if (wanted > reader->max_bytes) wanted = reader->max_bytes;
    if (reader->parser->set_capacity(size_t(wanted))) return KJ_MEMORY;
  }
  switch (reader->parser->stage1(text, length, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS: return KJ_OK;
    case simdjson::EMPTY: return KJ_EMPTY;
    case simdjson::UTF8_ERROR: return KJ_UTF8;
    case simdjson::UNESCAPED_CHARS: return KJ_ESCAPE;
    case simdjson::CAPACITY: return KJ_TOO_LARGE;
    case simdjson::MEMALLOC: return KJ_MEMORY;
    default: return KJ_SYNTAX;
  }
}

template <bool strict>
Walk<strict> walk_of(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, kj_scratch *scratch) {
  Walk<strict> walk{};
  walk.reader = reader;
  walk.text = base + offset;
  walk.length = length;
  walk.shift = offset;
  walk.indexes = reader->parser->structural_indexes.get();
  walk.count = reader->parser->n_structural_indexes;
  walk.scratch = scratch;
  return walk;
}

template <bool strict>
int32_t read_one(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t room,
  uint32_t number, kj_field *fields, kj_scratch *scratch, uint32_t *fault_at) {
  Plan &plan = reader->plans[number];
  std::memset(fields, 0, sizeof(kj_field) * plan.fields);
  *fault_at = offset;
  if (!strict && plan.flat && room >= 16) {
    if (Pick{&plan, base + offset, length, offset, fields}.read()) return KJ_OK;
    std::memset(fields, 0, sizeof(kj_field) * plan.fields);
  }
  int32_t fault = index(reader, base + offset, length);
  if (fault) return fault;
  auto walk = walk_of<strict>(reader, base, offset, length, scratch);
  reader->walks += 1;
  walk.plan = &plan;
  walk.fields = fields;
  // A container wanted together with something inside it is closed only at its end.
  walk.missing = strict ? 0 : plan.fields;
  fault = walk.value(0, 0);
  if (!fault && (strict || walk.missing) && walk.i != walk.count) fault = walk.fail(KJ_SYNTAX);
  if (fault) {
    std::memset(fields, 0, sizeof(kj_field) * plan.fields);
    *fault_at = offset + walk.fault_at;
  }
  return fault;
}

}  // namespace

extern "C" kj_reader *kj_reader_new(uint32_t max_depth, uint32_t max_bytes) {
  auto reader = new (std::nothrow) kj_reader{};
  if (!reader) return nullptr;
  reader->max_depth = max_depth;
  reader->max_bytes = max_bytes;
  size_t capacity = max_bytes < 65'536 ? max_bytes : 65'536;
  auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
    capacity, max_depth, reader->parser);
  if (error) {
    delete reader;
    return nullptr;
  }
  return reader;
}

extern "C" void kj_reader_free(kj_reader *reader) { delete reader; }

extern "C" int32_t kj_plan(
  kj_reader *reader, const uint8_t *names, const uint32_t *lengths, const uint32_t *counts,
  uint32_t paths) try {
  std::vector<Draft> drafts(1);
  for (uint32_t path = 0; path < paths; ++path) {
    uint32_t at = 0;
    for (uint32_t part = 0; part < counts[path]; ++part) {
      std::vector<uint8_t> name(names, names + *lengths);
      names += *lengths++;
      uint32_t next = none;
      for (uint32_t c : drafts[at].children) {
        if (drafts[c].name == name) next = c;
      }
      if (next == none) {
        next = uint32_t(drafts.size());
        drafts[at].children.push_back(next);
        drafts.emplace_back();
        drafts.back().name = std::move(name);
      }
      at = next;
    }
    if (drafts[at].field != none) return -1;
    drafts[at].field = path;
  }
  // Breadth first, so that children lie side by side.
  Plan plan;
  plan.fields = paths;
  std::vector<uint32_t> order{0};
  plan.nodes.resize(drafts.size());
  for (size_t n = 0; n < order.size(); ++n) {
    const Draft &draft = drafts[order[n]];
    Node &node = plan.nodes[n];
    node.name = draft.name;
    node.field = draft.field;
    node.first = uint32_t(order.size());
    node.count = uint32_t(draft.children.size());
    node.size = uint32_t(node.name.size());
    for (size_t b = 0; b < node.name.size() && b < 16; ++b) {
      node.word[b / 8] |= uint64_t(node.name[b]) << (8 * (b % 8));
      node.mask[b / 8] |= uint64_t(0xff) << (8 * (b % 8));
    }
    for (uint32_t c : draft.children) {
      size_t size = drafts[c].name.size();
      node.lengths |= uint64_t(1) << (size < 63 ? size : 63);
      order.push_back(c);
    }
  }
  const Node &root = plan.nodes[0];
  plan.flat = root.field == none && root.count == paths && plan.nodes.size() == paths + 1
    && paths <= 64;
  reader->plans.push_back(std::move(plan));
  return int32_t(reader->plans.size() - 1);
} catch (...) {
  return -1;
}

extern "C" int32_t kj_read(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t room,
  uint32_t plan, int32_t strict, kj_field *fields, kj_scratch *scratch, uint32_t *fault_at) try {
  return strict
    ? read_one<true>(reader, base, offset, length, room, plan, fields, scratch, fault_at)
    : read_one<false>(reader, base, offset, length, room, plan, fields, scratch, fault_at);
} catch (...) {
  return KJ_MEMORY;
}

extern "C" void kj_read_batch(
  kj_reader *reader, const uint8_t *base, kj_document *documents, uint32_t count,
  kj_field *fields, kj_scratch *scratch) {
  for (uint32_t d = 0; d < count; ++d) {
    kj_document &document = documents[d];
    uint32_t fault_at;
    document.fault = kj_read(
      reader, base, document.offset, document.length, 0, document.plan, 0, fields + document.first,
      scratch, &fault_at);
  }
}

extern "C" void kj_lines(
  kj_reader *reader, const uint8_t *base, const kj_line *lines, uint32_t count, uint32_t number,
  kj_place *places, uint8_t *taken) try {
  Plan &plan = reader->plans[number];
  std::memset(places, 0, sizeof(kj_place) * plan.fields * count);
  std::memset(taken, 0, count);
  if (count == 0) return;
  for (const Node &node : plan.nodes) {
    if (node.count > 64) return;
  }
  uint32_t from = uint32_t(lines[0].from), length = uint32_t(lines[count - 1].to) - from;
  if (index(reader, base + from, length)) return;
  read_lines(reader, base, from, length, lines, count, &plan, places, taken);
} catch (...) {
  std::memset(taken, 0, count);
}

extern "C" int32_t kj_tape(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t levels,
  kj_field *tape, uint32_t capacity, uint32_t *used, kj_scratch *scratch,
  uint32_t *fault_at) try {
  *used = 0;
  *fault_at = offset;
  int32_t fault = index(reader, base + offset, length);
  if (fault) return fault;
  auto walk = walk_of<true>(reader, base, offset, length, scratch);
  walk.tape = tape;
  walk.capacity = capacity;
  walk.levels = levels;
  fault = walk.value(none, 0);
  if (!fault && walk.i != walk.count) fault = walk.fail(KJ_SYNTAX);
  *used = walk.used;
  *fault_at = offset + walk.fault_at;
  return fault;
} catch (...) {
  return KJ_MEMORY;
}
