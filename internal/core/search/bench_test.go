package search

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// corpus returns n tools: the real ones again and again under other servers, or
// made-up ones where the data is absent. And queries for them.
func corpus(tb testing.TB, n int) ([]Tool, []string) {
	tools, queries := realTools(tb), []string{}
	var asked []labelled
	if tools == nil {
		tools, queries = madeUp(500)
	} else if readData(tb, "queries.json", &asked) {
		for _, q := range asked {
			queries = append(queries, q.Q)
		}
	}
	all := make([]Tool, n)
	for i := range all {
		all[i] = tools[i%len(tools)]
		all[i].Server = fmt.Sprint(all[i].Server, "-", i/len(tools))
		all[i].Name = all[i].Server + "__" + all[i].Own
	}
	return all, queries
}

// madeUp returns tools whose words are as unevenly spread as in a language.
func madeUp(n int) (tools []Tool, queries []string) {
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 4, 4000)
	words := func(n int) string {
		var all []string
		for range n {
			w := ""
			for k := zipf.Uint64() + 20; k > 0; k /= 20 {
				w += []string{"ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wi", "xo", "zu"}[k%20]
			}
			all = append(all, w)
		}
		return strings.Join(all, " ")
	}
	for i := range n {
		own := strings.ReplaceAll(words(2), " ", "_")
		def := fmt.Sprintf(`{"name":%q,"description":%q,"inputSchema":{"type":"object","properties":{%q:{"type":"string","description":%q}}}}`,
			own, words(40), words(1), words(12))
		tools = append(tools, Tool{Server: fmt.Sprint("server", i/10), Own: own, Definition: def})
		if i%4 == 0 {
			queries = append(queries, words(5))
		}
	}
	return tools, queries
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{535, 10_000} {
		tools, _ := corpus(b, n)
		b.Run(fmt.Sprint("tools=", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build(tools)
			}
		})
	}
}

// BenchmarkFind has the linear scan beside it: how many of a query's words a tool contains.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{535, 10_000} {
		tools, queries := corpus(b, n)
		x := Build(tools)
		results := make([]Result, 0, maxLimit)
		b.Run(fmt.Sprint("tools=", n, "/index"), func(b *testing.B) {
			timeEach(b, queries, func(q string) { results = x.Find(results[:0], Query{Text: q}) })
		})
		worst := commonest(x)
		b.Run(fmt.Sprint("tools=", n, "/index, worst query"), func(b *testing.B) {
			timeEach(b, []string{worst}, func(q string) { results = x.Find(results[:0], Query{Text: q, Limit: maxLimit}) })
		})
		b.Run(fmt.Sprint("tools=", n, "/index, misspelt"), func(b *testing.B) {
			timeEach(b, []string{misspelt(worst)}, func(q string) { results = x.Find(results[:0], Query{Text: q}) })
		})
		texts := make([]string, n)
		for i, t := range tools {
			texts[i] = strings.ToLower(t.Definition)
		}
		b.Run(fmt.Sprint("tools=", n, "/scan"), func(b *testing.B) {
			timeEach(b, queries, func(q string) { scan(texts, q) })
		})
	}
}

// commonest returns a query of as many words as count, each in as many tools as possible.
func commonest(x *Index) string {
	words := slices.Collect(maps.Keys(x.terms))
	slices.SortFunc(words, func(a, b string) int { return cmp.Compare(x.rarity[x.terms[a]], x.rarity[x.terms[b]]) })
	return strings.Join(words[:maxGroups], " ")
}

// misspelt returns words of which none is in any tool.
func misspelt(words string) string {
	var all []string
	for w := range strings.FieldsSeq(words) {
		all = append(all, w+"qzj")
	}
	return strings.Join(all, " ")
}

func timeEach(b *testing.B, queries []string, find func(string)) {
	b.ReportAllocs()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		find(queries[i%len(queries)])
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// scan returns the tools that contain the most words, as one would without an index.
func scan(texts []string, query string) []int {
	words := strings.Fields(strings.ToLower(query))
	found := make([]int, len(texts))
	counts := make([]int, len(texts))
	for i, text := range texts {
		found[i] = i
		for _, w := range words {
			if strings.Contains(text, w) {
				counts[i]++
			}
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return counts[b] - counts[a] })
	return found[:min(5, len(found))]
}
