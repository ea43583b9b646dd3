package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/certificate"
)

// certificates tells how long those that an authority signed are good.
type certificates struct {
	ask            func() []certificate.State
	until, failing *prometheus.Desc
}

// Certificates makes metrics of the certificates that the server obtains.
func Certificates(ask func() []certificate.State) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rostrum_certificate_"+name, help, []string{"name"}, nil)
	}
	return &certificates{
		ask:     ask,
		until:   desc("expires_timestamp_seconds", "When the certificate of the name runs out, in seconds since 1970; 0 without one."),
		failing: desc("failing", "1 while the authority signs no certificate, or no new one, for the name."),
	}
}

// Describe names the metrics.
func (c *certificates) Describe(to chan<- *prometheus.Desc) {
	to <- c.until
	to <- c.failing
}

// Collect asks for the certificates.
func (c *certificates) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.ask() {
		until := 0.0
		if s.Leaf != nil {
			until = float64(s.Leaf.NotAfter.Unix())
		}
		to <- prometheus.MustNewConstMetric(c.until, prometheus.GaugeValue, until, s.Name)
		to <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, one(s.Failed != nil), s.Name)
	}
}
