package search

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// dataDir is beside the project; the data has licences of its own and is not in it.
var dataDir = filepath.Join("..", "..", "..", "..", "shared", "toolsearch")

type labelled struct {
	Set string   `json:"set"`
	Q   string   `json:"q"`
	Rel []string `json:"rel"`
}

// realTools returns the tools of the relevance data, or none where it is absent.
func realTools(t testing.TB) []Tool {
	var in []struct {
		ID, Server, Tool, Description string
		Params                        [][2]string
	}
	if !readData(t, "tools.json", &in) {
		return nil
	}
	var tools []Tool
	for _, d := range in {
		properties := map[string]map[string]string{}
		for _, p := range d.Params {
			properties[p[0]] = map[string]string{"type": "string", "description": p[1]}
		}
		def, err := json.Marshal(map[string]any{
			"name": d.Tool, "description": d.Description,
			"inputSchema": map[string]any{"type": "object", "properties": properties},
		})
		if err != nil {
			t.Fatal(err)
		}
		tools = append(tools, Tool{Name: d.ID, Server: d.Server, Own: d.Tool, Definition: string(def)})
	}
	return tools
}

func readData(t testing.TB, name string, into any) bool {
	text, err := os.ReadFile(filepath.Join(dataDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("the relevance data is absent: no %s beside the project; nothing was measured", filepath.Join("shared", "toolsearch", name))
		return false
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// A tally is how many queries had a right answer among the first five.
type tally struct {
	n, hits int
	ranks   float64 // sum of 1/rank among the first ten
}

func (c tally) rate() float64 { return float64(c.hits) / float64(max(c.n, 1)) }
func (c tally) mrr() float64  { return c.ranks / float64(max(c.n, 1)) }

// TestRelevance measures on queries written for other servers' tools. Half of them,
// by their place in the data, were looked at when the weights were chosen; the other
// half was held out. A typo is in the half of the query it was made from.
func TestRelevance(t *testing.T) {
	tools := realTools(t)
	var queries []labelled
	if tools == nil || !readData(t, "queries.json", &queries) {
		return
	}
	x := Build(tools)
	all, place := map[string]*[2]tally{}, map[string]int{}
	for _, q := range queries {
		n := place[q.Set]
		place[q.Set]++
		if q.Set == "keyword" {
			n /= 2
		}
		if all[q.Set] == nil {
			all[q.Set] = &[2]tally{}
		}
		c := &all[q.Set][n%2]
		c.n++
		rank := slices.IndexFunc(x.Find(nil, Query{Text: q.Q, Limit: 10}), func(r Result) bool { return slices.Contains(q.Rel, r.Name) })
		if rank >= 0 {
			c.ranks += 1 / float64(rank+1)
		}
		if rank >= 0 && rank < 5 {
			c.hits++
		} else if n%2 == 0 {
			t.Logf("%s, missed: %s", q.Set, q.Q)
		}
	}
	for set, want := range map[string]float64{"keyword": 0.97, "typo": 0.93, "paraphrase": 0.62} {
		c := all[set]
		if c == nil {
			t.Fatalf("no queries of the set %q", set)
		}
		both := tally{c[0].n + c[1].n, c[0].hits + c[1].hits, c[0].ranks + c[1].ranks}
		t.Logf("%-10s hit@5 %.3f of %d (MRR %.3f); tuned half %.3f (%.3f), held out %.3f (%.3f)", set,
			both.rate(), both.n, both.mrr(), c[0].rate(), c[0].mrr(), c[1].rate(), c[1].mrr())
		if both.rate() < want {
			t.Errorf("%s: hit@5 = %.3f, want at least %.2f", set, both.rate(), want)
		}
	}
}
