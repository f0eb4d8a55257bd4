//===- FilesTest.cpp - mapped and atomic files ---------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/MappedFile.h"
#include "allot/Support/ScratchFile.h"
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace allot::support;
using namespace allot::test;
namespace fs = llvm::sys::fs;

static llvm::ArrayRef<uint8_t> bytes(llvm::StringRef text) {
  return llvm::ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(text.data()),
                                 text.size());
}

TEST(MappedFile, GivesTheBytes) {
  TemporaryFolder folder;
  std::string large(100000, 'x');
  large[99999] = 'y';
  auto file = take(MappedFile::open(folder.write("a.bin", large)));
  EXPECT_EQ(file->size(), large.size());
  EXPECT_EQ(file->bytes(), bytes(large));
  EXPECT_EQ(file->path(), folder.path("a.bin"));
  file->dropPages();
  EXPECT_EQ(file->bytes(), bytes(large));
  EXPECT_EQ(take(MappedFile::open(folder.write("empty", "")))->size(), 0u);
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  TemporaryFolder folder;
  expectError(MappedFile::open(folder.path("missing.bin")), {"missing.bin"});
  expectError(MappedFile::open(folder.path()), {"folder"});
  expectError(MappedFile::open("/dev/zero"), {"/dev/zero", "regular"});
}

TEST(AtomicFile, AppearsOnCommit) {
  TemporaryFolder folder;
  std::string path = folder.path("out%20.txt");
  auto file = take(AtomicFile::create(path));
  expectSuccess(file->append(bytes("hello ")));
  file->stream() << "world";
  EXPECT_FALSE(fs::exists(path));
  expectSuccess(file->commit());
  EXPECT_EQ(slurp(path), "hello world");
  EXPECT_EQ(folder.entries(), 1u);
  expectError(file->commit(), {"committed already"});
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  TemporaryFolder folder;
  folder.write("kept.txt", "before");
  {
    auto file = take(AtomicFile::create(folder.path("kept.txt")));
    file->stream() << "after";
    EXPECT_EQ(folder.entries(), 2u);
  }
  EXPECT_EQ(folder.entries(), 1u);
  EXPECT_EQ(slurp(folder.path("kept.txt")), "before");
}

TEST(AtomicFile, WritesAnywhereInWhatIsReserved) {
  TemporaryFolder folder;
  auto file = take(AtomicFile::create(folder.path("a")));
  file->stream() << "head";
  expectSuccess(file->reserve(12));
  expectSuccess(file->writeAt(8, bytes("tail")));
  expectSuccess(file->writeAt(4, bytes("body")));
  expectSuccess(file->append(bytes("!")));
  expectError(file->writeAt(12, bytes("xy")), {"beyond"});
  expectError(file->writeAt(UINT64_MAX, bytes("x")), {"beyond"});
  expectError(file->reserve(3), {"less"});
  expectSuccess(file->commit(/*sync=*/true));
  EXPECT_EQ(slurp(folder.path("a")), "headbodytail!");
}

TEST(AtomicFile, FollowsLinksAndKeepsTheMode) {
  TemporaryFolder folder;
  std::string real = folder.write("real", "old");
  ASSERT_EQ(::chmod(real.c_str(), 0640), 0);
  ASSERT_FALSE(fs::create_link("real", folder.path("link")));
  expectSuccess(writeFileAtomically(folder.path("link"), "new"));
  bool isLink = false;
  fs::is_symlink_file(folder.path("link"), isLink);
  EXPECT_TRUE(isLink);
  EXPECT_EQ(slurp(real), "new");
  struct stat status;
  ASSERT_EQ(::stat(real.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(AtomicFile, IsWholeWhenPrepared) {
  TemporaryFolder folder;
  auto file = take(AtomicFile::create(folder.path("a")));
  file->stream() << "bytes";
  expectSuccess(file->prepare(/*sync=*/true));
  EXPECT_EQ(slurp(file->temporaryPath()), "bytes");
  EXPECT_FALSE(fs::exists(folder.path("a")));
  expectSuccess(file->prepare());
  expectSuccess(file->commit());
  EXPECT_EQ(slurp(folder.path("a")), "bytes");
  expectError(file->prepare(), {"committed already"});
}

TEST(AtomicFile, CommitsTogether) {
  TemporaryFolder folder;
  folder.write("old", "before");
  for (const char *content : {"one", "two"}) {
    auto a = take(AtomicFile::create(folder.path("old"))),
         b = take(AtomicFile::create(folder.path("new")));
    a->stream() << content;
    b->stream() << content;
    expectSuccess(AtomicFile::commitTogether({a.get(), b.get()}));
    EXPECT_EQ(slurp(folder.path("old")), content);
    EXPECT_EQ(slurp(folder.path("new")), content);
    EXPECT_EQ(folder.entries(), 2u);
  }
}

TEST(AtomicFile, CommitsNoneWhereOneCannotBe) {
  TemporaryFolder folder;
  folder.write("old", "before");
  {
    auto a = take(AtomicFile::create(folder.path("old"))),
         b = take(AtomicFile::create(folder.path("new"))),
         c = take(AtomicFile::create(folder.path("last")));
    a->stream() << "after";
    b->stream() << "after";
    c->stream() << "after";
    // A folder of somebody else comes in between.
    ASSERT_FALSE(fs::create_directory(folder.path("last")));
    expectError(AtomicFile::commitTogether({a.get(), b.get(), c.get()}),
                {"last", "cannot be written"});
  }
  EXPECT_EQ(slurp(folder.path("old")), "before");
  EXPECT_FALSE(fs::exists(folder.path("new")));
  EXPECT_EQ(folder.entries(), 2u);
}

TEST(AtomicFile, RemovesWhatKilledProcessesLeft) {
  TemporaryFolder folder;
  auto file = take(AtomicFile::create(folder.path("out")));
  auto inner = take(AtomicFolder::create(folder.path("out.allot"), "mark"));
  folder.write(".allot-0123abc.tmp", "half");
  ASSERT_FALSE(fs::create_directory(folder.path(".allot-ff.tmp")));
  folder.write(".allot-ff.tmp/weights.bin", "half");
  folder.write(".allot-other.tmp", "somebody else's");
  folder.write("allot-0123abc.tmp", "somebody else's");
  ASSERT_FALSE(fs::create_link(folder.path("allot-0123abc.tmp"),
                               folder.path(".allot-1.tmp")));
  EXPECT_EQ(folder.entries(), 7u);
  // What is young may belong to a process that has just begun.
  removeStaleTemporaries(folder.path());
  EXPECT_EQ(folder.entries(), 7u);
  // What is held is not touched, whatever its age.
  removeStaleTemporaries(folder.path(), std::chrono::seconds(0));
  EXPECT_EQ(folder.entries(), 5u);
  EXPECT_TRUE(fs::exists(file->temporaryPath()));
  EXPECT_TRUE(fs::exists(inner->temporaryPath()));
  expectSuccess(file->commit());
  expectSuccess(inner->commit());
  EXPECT_EQ(folder.entries(), 5u);
  removeStaleTemporaries(folder.path("missing"), std::chrono::seconds(0));
}

TEST(AtomicFile, DoesNotReplaceDevices) {
  expectSuccess(writeFileAtomically("/dev/null", "gone"));
  struct stat status;
  ASSERT_EQ(::stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST(AtomicFile, NamesTheTargetOnErrors) {
  TemporaryFolder folder;
  expectError(AtomicFile::create(folder.path("no/such/x.bin")), {"x.bin"});
  expectError(AtomicFile::create(folder.path()), {"folder"});
  expectError(AtomicFile::create(""), {"empty"});
  if (fs::exists("/dev/full"))
    expectError(writeFileAtomically("/dev/full", "x"), {"/dev/full", "space"});
}

namespace {
/// Limits the size of files, which is what a full disk looks like.
class FileSizeLimit {
public:
  explicit FileSizeLimit(rlim_t size) {
    old = std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit now = before;
    now.rlim_cur = size;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old);
  }

private:
  struct rlimit before;
  void (*old)(int);
};
} // namespace

TEST(AtomicFile, ReportsFailedWritesAndRemovesTheRest) {
  TemporaryFolder folder;
  FileSizeLimit limit(4096);
  {
    auto file = take(AtomicFile::create(folder.path("a")));
    file->stream() << std::string(100000, 'x');
    expectError(file->check(), {"a: cannot be written"});
    expectError(file->commit(), {"a: cannot be written"});
  }
  {
    auto file = take(AtomicFile::create(folder.path("b")));
    expectError(file->reserve(1 << 20), {"b: cannot be written"});
  }
  {
    // Only the flush at the end fails.
    auto file = take(AtomicFile::create(folder.path("c")));
    expectSuccess(file->reserve(4096));
    file->stream() << "x";
    expectError(file->commit(), {"c: cannot be written"});
  }
  {
    // A failure nobody asks for must not abort either.
    auto file = take(AtomicFile::create(folder.path("d")));
    file->stream() << std::string(100000, 'x');
  }
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(ScratchFile, HasBytesAndNoName) {
  TemporaryFolder folder;
  auto file = take(ScratchFile::create(folder.path(), 100000));
  ASSERT_EQ(file->bytes().size(), 100000u);
  EXPECT_EQ(file->bytes()[99999], 0);
  file->bytes()[99999] = 7;
  EXPECT_EQ(file->bytes()[99999], 7);
  EXPECT_EQ(folder.entries(), 0u);
  EXPECT_TRUE(take(ScratchFile::create(folder.path(), 0))->bytes().empty());
}

TEST(ScratchFile, TakesTheSpaceAtOnce) {
  TemporaryFolder folder;
  expectError(ScratchFile::create(folder.path("missing"), 10),
              {"missing", "10 bytes"});
  FileSizeLimit limit(4096);
  expectError(ScratchFile::create(folder.path(), 1 << 20), {"1048576 bytes"});
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(AtomicFolder, AppearsOnCommitAndReplacesItsLike) {
  TemporaryFolder folder;
  std::string target = folder.path("prog");
  for (const char *content : {"one", "two"}) {
    auto output = take(AtomicFolder::create(target + "/", "manifest.json"));
    expectSuccess(writeFileAtomically(output->file("manifest.json"), content));
    expectSuccess(output->commit());
    EXPECT_EQ(slurp(target + "/manifest.json"), content);
    EXPECT_EQ(folder.entries(), 1u);
  }
  {
    auto output = take(AtomicFolder::create(target, "manifest.json"));
    expectSuccess(writeFileAtomically(output->file("half"), "x"));
  }
  EXPECT_EQ(folder.entries(), 1u);
  EXPECT_EQ(slurp(target + "/manifest.json"), "two");
}

TEST(AtomicFolder, NeverDeletesWhatIsNotOurs) {
  TemporaryFolder folder;
  ASSERT_FALSE(fs::create_directory(folder.path("home")));
  folder.write("home/letter.txt", "dear");
  expectError(AtomicFolder::create(folder.path("home"), "manifest.json"),
              {"home", "not empty", "manifest.json"});
  folder.write("file", "x");
  expectError(AtomicFolder::create(folder.path("file"), "manifest.json"),
              {"file", "no folder"});
  expectError(AtomicFolder::create(folder.path("a/b"), "manifest.json"), {"b"});
  // Filled between create and commit by somebody else.
  auto output = take(AtomicFolder::create(folder.path("new"), "m"));
  ASSERT_FALSE(fs::create_directory(folder.path("new")));
  folder.write("new/letter.txt", "dear");
  expectError(output->commit(), {"not empty"});
  EXPECT_EQ(slurp(folder.path("new/letter.txt")), "dear");
}
