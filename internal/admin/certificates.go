package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/certificate"
)

// certificates collects metrics of the certificates from an ACME authority.
type certificates struct {
	states           func() []certificate.State
	expires, failing *prometheus.Desc
}

// Certificates returns metrics of the certificates that the server obtains.
func Certificates(states func() []certificate.State) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_certificate_"+name, help, []string{"name"}, nil)
	}
	return &certificates{
		states:  states,
		expires: desc("expires_timestamp_seconds", "When the certificate of the name expires, Unix time; 0 without a certificate."),
		failing: desc("failing", "1 while obtaining or renewing the certificate of the name fails."),
	}
}

// Describe implements prometheus.Collector.
func (c *certificates) Describe(out chan<- *prometheus.Desc) {
	out <- c.expires
	out <- c.failing
}

// Collect implements prometheus.Collector.
func (c *certificates) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.states() {
		expires := 0.0
		if s.Leaf != nil {
			expires = float64(s.Leaf.NotAfter.Unix())
		}
		out <- prometheus.MustNewConstMetric(c.expires, prometheus.GaugeValue, expires, s.Name)
		out <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, boolGauge(s.Failed != nil), s.Name)
	}
}
