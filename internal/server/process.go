package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// A process reads what this process uses.
type process struct{ metrics *prometheus.Registry }

func newProcess() process {
	p := process{prometheus.NewRegistry()}
	p.metrics.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// usage returns the processor time since the start and the resident memory. Both are 0 on
// systems that do not tell.
func (p process) usage() (cpuSeconds float64, memory int64) {
	all, _ := p.metrics.Gather() // what could not be read is missing
	for _, family := range all {
		for _, m := range family.GetMetric() {
			switch family.GetName() {
			case "process_cpu_seconds_total":
				cpuSeconds = m.GetCounter().GetValue()
			case "process_resident_memory_bytes":
				memory = int64(m.GetGauge().GetValue())
			}
		}
	}
	return cpuSeconds, memory
}
