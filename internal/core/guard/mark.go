package guard

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Variable is the environment variable that carries the mark. A process started
// by Tree.Start has it; nobody else sets it.
const Variable = "MCPPROXY_TRAY_INSTANCE"

// A mark names one started process and all that descend from it: which data
// directory, which run of the app, and which of its starts. Its highest bits are
// 01, so it is neither small nor "unlimited".
type mark uint64

const (
	numberBits = 14 // starts; more than anybody runs at once, see Tree.number
	runBits    = 24
	dataBits   = 24
	highest    = 1 // of the two highest bits
)

func newMark(data, run, number uint32) mark {
	return highest<<62 | mark(data&(1<<dataBits-1))<<(runBits+numberBits) |
		mark(run&(1<<runBits-1))<<numberBits | mark(number&(1<<numberBits-1))
}

// valid refuses what is no mark; the greatest int64 is how some write "unlimited".
func (m mark) valid() bool    { return m>>62 == highest && m != math.MaxInt64 }
func (m mark) data() uint32   { return uint32(m>>(runBits+numberBits)) & (1<<dataBits - 1) }
func (m mark) run() uint32    { return uint32(m>>numberBits) & (1<<runBits - 1) }
func (m mark) number() uint32 { return uint32(m) & (1<<numberBits - 1) }
func (m mark) String() string { return fmt.Sprintf("%016x", uint64(m)) }

// parseMark reads a mark in the base it was written in.
func parseMark(s string, base int) (mark, bool) {
	n, err := strconv.ParseUint(s, base, 64)
	return mark(n), err == nil && mark(n).valid()
}

// dataID is the part of a mark that stands for a data directory of this user.
func dataID(dir string) uint32 {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%d:%s", os.Getuid(), filepath.Clean(dir))
	return uint32(h.Sum64()>>dataBits) & (1<<dataBits - 1)
}

// newRun returns the part of a mark that stands for one run of the app.
func newRun() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:]) & (1<<runBits - 1)
}
