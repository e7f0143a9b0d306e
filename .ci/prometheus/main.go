// Program prometheus reads metrics from its standard input with Prometheus' own parser
// and lists what it found, one sample a line. It is a module of its own, so that the
// parser and what that needs are not among our dependencies.
package main

import (
	"fmt"
	"os"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func main() {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var lines []string
	for name, f := range families {
		for _, m := range f.Metric {
			line := fmt.Sprintf("%s %s", name, f.GetType())
			for _, l := range m.Label {
				line += fmt.Sprintf(" %s=%q", l.GetName(), l.GetValue())
			}
			lines = append(lines, line+" "+value(m))
		}
	}
	slices.Sort(lines)
	for _, l := range lines {
		fmt.Println(l)
	}
}

func value(m *dto.Metric) string {
	switch {
	case m.Counter != nil:
		return fmt.Sprint(m.Counter.GetValue())
	case m.Gauge != nil:
		return fmt.Sprint(m.Gauge.GetValue())
	case m.Histogram != nil:
		return fmt.Sprint(m.Histogram.GetSampleCount())
	}
	return "untyped"
}
