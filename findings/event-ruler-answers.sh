#!/usr/bin/env bash
# What AWS's published engine of event patterns answers to each pair of a pattern and an event
# in internal/event/testdata/event-patterns.jsonl: yes, no, or refused (the pattern does not
# compile, or the event is none).
#
# Seen with event-ruler 2.1.0 and Jackson 2.22.2 from Maven Central, Java 17: the table as it is.
# Fails when an answer differs; with "write", the answers are written into the table instead. So
# new pairs need no answer: append lines with id, pattern and event, and run it with "write".
set -euo pipefail
table=$(cd "$(dirname "$0")/.." && pwd)/internal/event/testdata/event-patterns.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId><artifactId>answers</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.1.0</version></dependency>
    <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>2.22.2</version></dependency>
  </dependencies>
</project>
XML
cat >"$work/Answers.java" <<'JAVA'
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.*;
import java.util.*;
import software.amazon.event.ruler.Machine;

public class Answers {
    static String answer(String pattern, String event) {
        try {
            Machine machine = new Machine();
            machine.addRule("r", pattern);
            return machine.rulesForJSONEvent(event).isEmpty() ? "no" : "yes";
        } catch (Exception e) {
            return "refused";
        }
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        List<String> lines = new ArrayList<>();
        int pairs = 0, different = 0;
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            ObjectNode pair = (ObjectNode) json.readTree(line);
            String was = pair.path("expect").asText(), is = answer(pair.get("pattern").asText(), pair.get("event").asText());
            pairs++;
            if (is.equals(was)) {
                lines.add(line);
                continue;
            }
            different++;
            System.out.println(pair.get("id").asText() + ": " + is + ", the table says " + (was.isEmpty() ? "nothing" : was));
            lines.add(json.writeValueAsString(pair.put("expect", is)));
        }
        System.out.println(pairs + " pairs, " + different + " answers differ");
        if (args.length > 1) {
            Files.write(Path.of(args[0]), lines);
        } else if (different > 0) {
            System.exit(1);
        }
    }
}
JAVA
mvn -q -f "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/jars"
java -cp "$work/jars/*" "$work/Answers.java" "$table" "$@"
