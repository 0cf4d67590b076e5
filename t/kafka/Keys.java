/* SPDX-License-Identifier: Apache-2.0 */

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Which partition the Java client chooses for a key: makes keys.tsv.
 *
 *	java -cp 'build/kafka/*' t/kafka/Keys.java >t/kafka/keys.tsv
 *
 * A line is the key in hexadecimal, then its partition of 7 and of 12.
 */
public class Keys {
	static final int KEYS = 300;

	static byte[] key(Random random, int i) {
		if (i < 100)
			return ("key-" + i).getBytes(StandardCharsets.UTF_8);
		if (i < 200)
			return ("schlüssel-ключ-鍵-" + i)
			    .getBytes(StandardCharsets.UTF_8);
		/* Of each length from 1 on: the hash takes four at a time. */
		byte[] bytes = new byte[i - 199];
		random.nextBytes(bytes);
		return bytes;
	}

	public static void main(String[] args) {
		Random random = new Random(1);
		for (int i = 0; i < KEYS; i++) {
			byte[] key = key(random, i);
			System.out.printf("%s\t%d\t%d%n",
			    HexFormat.of().formatHex(key),
			    BuiltInPartitioner.partitionForKey(key, 7),
			    BuiltInPartitioner.partitionForKey(key, 12));
		}
	}
}
