import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes records with Kafka's own client: bootstrap topic codec count bytes. One file, run from source. */
class Produce {
  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("compression.type", args[2]);
    // So that a batch decompresses to several megabytes, as those of wide rows do.
    settings.put("batch.size", "4000000");
    settings.put("linger.ms", "200");
    settings.put("max.request.size", "8000000");
    settings.put("buffer.memory", "64000000");
    String padding = "x".repeat(Integer.parseInt(args[4]));
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < Integer.parseInt(args[3]); i++) {
        producer.send(new ProducerRecord<>(args[1], "k" + i, i + ":" + padding + ":" + i));
      }
    }
  }
}
