package metrics

import (
	"strconv"
	"strings"
)

// The kinds of metrics.
const (
	counts     = "counter"
	gauge      = "gauge"
	histograms = "histogram"
)

// A text is metrics as Prometheus reads them.
type text struct {
	b    []byte
	name string
}

// family begins a metric. What is sampled until the next one belongs to it.
func (t *text) family(name, kind, help string) {
	t.name = prefix + name
	t.b = append(t.b, "# HELP "+t.name+" "+help+"\n# TYPE "+t.name+" "+kind+"\n"...)
}

// count writes a whole number; labels are names and values in turns.
func (t *text) count(n uint64, labels ...string) {
	t.start("", labels)
	t.b = append(strconv.AppendUint(t.b, n, 10), '\n')
}

func (t *text) value(v float64, labels ...string) {
	t.start("", labels)
	t.b = append(strconv.AppendFloat(t.b, v, 'g', -1, 64), '\n')
}

// histogram writes what a histogram has counted. Its total is the sum of its buckets,
// also while somebody counts.
func (t *text) histogram(h *histogram, labels ...string) {
	var n uint64
	sum := h.sum.Load()
	for i := range h.counts {
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i].Seconds(), 'g', -1, 64)
		}
		n += h.counts[i].Load()
		t.start("_bucket", append(labels[:len(labels):len(labels)], "le", le))
		t.b = append(strconv.AppendUint(t.b, n, 10), '\n')
	}
	t.start("_sum", labels)
	t.b = append(strconv.AppendFloat(t.b, float64(sum)/1e9, 'g', -1, 64), '\n')
	t.start("_count", labels)
	t.b = append(strconv.AppendUint(t.b, n, 10), '\n')
}

// escaped follows the format: "label_value can be any sequence of UTF-8 characters, but
// the backslash (\), double-quote ("), and line feed (\n) characters have to be escaped".
var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (t *text) start(suffix string, labels []string) {
	t.b = append(t.b, t.name+suffix...)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		t.b = append(t.b, sep)
		t.b = append(t.b, labels[i]+`="`+escaped.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))+`"`...)
	}
	if len(labels) > 0 {
		t.b = append(t.b, '}')
	}
	t.b = append(t.b, ' ')
}
