package history

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"mcpproxy-tray/internal/core/call"
)

// A record on disk begins with when it was, in milliseconds, so that the oldest can be
// told without the rest. Numbers are varints; a word is its number in names plus one,
// or 0 and the word itself.
//
//	call    at, outcome and flags (one byte), took in µs, sent, got, tool, client, [why], [params, answer]
//	change  at, from, to, code, text
const (
	outcomeBits = 0x0f
	hasWhy      = 0x10
	hasPayload  = 0x20
)

const maxWhyBytes = 300 // of a sentence: longer than all of ours

// An encoder makes records in one transaction.
type encoder struct {
	names *names
	words *bbolt.Bucket
	buf   []byte
	err   error // the first
}

func (e *encoder) int(n int64)   { e.buf = binary.AppendUvarint(e.buf, uint64(max(n, 0))) }
func (e *encoder) text(s string) { e.buf = append(binary.AppendUvarint(e.buf, uint64(len(s))), s...) }

func (e *encoder) word(s string) {
	s = shorten(s, maxNameBytes)
	id, ok, err := e.names.id(e.words, s)
	switch {
	case err != nil && e.err == nil:
		e.err = err
	case ok:
		e.buf = binary.AppendUvarint(e.buf, id+1)
	default:
		e.buf = append(e.buf, 0)
		e.text(s)
	}
}

// call returns a call's record, which the next one does not overwrite.
func (e *encoder) call(r *call.Record, hide *redactor) []byte {
	e.buf = make([]byte, 0, 32)
	e.int(r.At.UnixMilli())
	flags := byte(r.Outcome) & outcomeBits
	if r.Why != "" {
		flags |= hasWhy
	}
	if (r.Params != nil || r.Answer != nil) && hide.keeps() {
		flags |= hasPayload
	}
	e.buf = append(e.buf, flags)
	e.int(r.Took.Microseconds())
	e.int(int64(r.Sent))
	e.int(int64(r.Got))
	e.word(r.Tool)
	e.word(r.Client)
	if r.Why != "" {
		e.text(shorten(r.Why, maxWhyBytes))
	}
	if flags&hasPayload != 0 {
		e.text(hide.payload(r.Params))
		e.text(hide.payload(r.Answer))
	}
	return e.buf
}

// change returns a change's record.
func (e *encoder) change(t *Transition) []byte {
	e.buf = make([]byte, 0, 32)
	e.int(t.At.UnixMilli())
	e.word(t.From)
	e.word(t.To)
	e.word(t.Code)
	e.text(shorten(t.Text, maxWhyBytes))
	return e.buf
}

// timeOf returns when a record was; ok is false if it is none.
func timeOf(v []byte) (at time.Time, ok bool) {
	ms, n := binary.Uvarint(v)
	return time.UnixMilli(int64(ms)), n > 0
}

// A decoder reads a record. After something it does not understand it is broken, and
// gives zero values.
type decoder struct {
	v      []byte
	words  []string
	broken bool
}

func (d *decoder) fail() { d.v, d.broken = nil, true }

func (d *decoder) int() int64 {
	u, n := binary.Uvarint(d.v)
	if n <= 0 || int64(u) < 0 {
		d.fail()
		return 0
	}
	d.v = d.v[n:]
	return int64(u)
}

func (d *decoder) byte() byte {
	if len(d.v) == 0 {
		d.fail()
		return 0
	}
	b := d.v[0]
	d.v = d.v[1:]
	return b
}

func (d *decoder) text() string {
	n := d.int()
	if n > int64(len(d.v)) {
		d.fail()
		return ""
	}
	s := string(d.v[:n])
	d.v = d.v[n:]
	return s
}

func (d *decoder) word() string {
	id := d.int()
	switch {
	case id == 0 && !d.broken:
		return d.text()
	case d.broken || id > int64(len(d.words)):
		d.fail()
		return ""
	}
	return d.words[id-1]
}

// decode returns the entry that a record of a server is; ok is false if it is damaged.
func decode(kind Kind, server string, seq uint64, v []byte, words []string) (e Entry, ok bool) {
	d := decoder{v: v, words: words}
	e = Entry{Seq: seq, Kind: kind, Server: server, At: time.UnixMilli(d.int())}
	if kind == States {
		e.From, e.To, e.Code, e.Text = d.word(), d.word(), d.word(), d.text()
		return e, !d.broken
	}
	flags := d.byte()
	e.Outcome = call.Outcome(flags & outcomeBits)
	e.Took = time.Duration(d.int()) * time.Microsecond
	e.Sent, e.Got = int(d.int()), int(d.int())
	e.Tool, e.Client = d.word(), d.word()
	if flags&hasWhy != 0 {
		e.Text = d.text()
	}
	if flags&hasPayload != 0 {
		e.Params, e.Answer = d.text(), d.text()
	}
	return e, !d.broken && e.Outcome < call.NumOutcomes
}
