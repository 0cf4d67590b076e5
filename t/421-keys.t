#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Which records a Kafka sink writes with their key, and to which partition.
# t/kafka/keys.tsv is what the Java client says of 300 keys.
use strict;
use warnings;

use Compress::Zlib ();
use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $table = source_dir() . '/t/kafka/keys.tsv';
my @rows = map { [split /\t/] } split /\n/, slurp($table);
my @keys = map { $_->[0] } @rows;
my $b = Test::Forebay::Mock->new;

sub keys_command { return (helper('keys'), '-b', $b->bootstrap, @_) }

sub write_keys
{
	my ($topic, @partition) = @_;

	run_ok([keys_command('write', $topic, $table, @partition)]);
	return;
}

# The partitions in which a key was found: { KEY => "3" }.
sub where
{
	my ($topic) = @_;
	my %seen;

	for (split /\n/, run_ok([keys_command('read', $topic)])) {
		my ($partition, $key) = split / /, $_, 2;

		$seen{$key // ''}{$partition}++;
	}
	return { map { ($_ => join(' ', sort keys %{$seen{$_}})) }
	    keys %seen };
}

# What arrives at a topic of so many partitions.
sub copied
{
	my ($partitions, %sink) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic($partitions, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { kafka => { brokers => [$b->bootstrap],
		topic => $copy, %sink } });

	write_keys($topic);
	$f->start->await_caught_up;
	is(scalar(() = $f->log_text =~ /written without their keys/g),
	    $sink{setKey} ? 0 : 1, 'the start says what becomes of keys');
	$f->drain;
	return where($copy);
}

my %keyed = (setKey => JSON::PP::true());

@keys == 300 or die 'the table has ' . @keys . " keys\n";

subtest 'the table is what the Java client says' => sub {
	my $jars = Test::Forebay::Kafka::jars();

	return skip_for('no kafka-clients in build/kafka')
	    unless glob("$jars/kafka-clients-*.jar");
	is(run_ok(['java', '-Dfile.encoding=UTF-8', '-cp', "$jars/*",
	    source_dir() . '/t/kafka/Keys.java'], timeout => patience(60)),
	    slurp($table), 'it is');
};

scenario 'without setKey no key is written' => sub {
	my $found = copied(12);

	is(join(' ', keys %$found), '-', 'none');
};

scenario 'with setKey the CRC-32 chooses, as in Numaflow' => sub {
	my %want = map { ($_ => Compress::Zlib::crc32(pack('H*', $_)) % 12) }
	    @keys;

	is_deeply(copied(12, %keyed), \%want, 'for each key');
};

for ([7, 1], [12, 2]) {
	my ($partitions, $column) = @$_;

	scenario "murmur2_random of $partitions is what Java chooses" => sub {
		my %want = map { ($_->[0] => $_->[$column]) } @rows;

		is_deeply(copied($partitions, %keyed,
		    config => "partitioner: murmur2_random\n"), \%want,
		    'for each key');
	};
}

# Another runtime beside ours: a key must not be in two partitions.
scenario 'a canary sends each key where the others do' => sub {
	my $why = Test::Forebay::no_python();

	return skip_for($why) if $why;
	my $topic = $b->topic(4);
	my $copy = $b->topic(12, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { kafka => { brokers => [$b->bootstrap],
		topic => $copy, %keyed } },
	    host => { canary => { runtime => 'python', share => '50%' } });

	$f->start_ready(4);
	is_soon {
		(grep { $_->{runtime} eq 'python' && $_->{partitions} == 2 }
		    @{$f->status->{runtimes}}) == 1
	} 'it has half of the partitions', 60;
	# Each key once in each partition of the source: both get them all.
	write_keys($topic, $_) for 0 .. 3;
	$f->await_caught_up;
	ok($f->metric('forebay_runtime_acked_total', runtime => $_),
	    "$_ has moved some") for qw(c python);
	$f->drain;
	my %want = map { ($_ => Compress::Zlib::crc32(pack('H*', $_)) % 12) }
	    @keys;

	is_deeply(where($copy), \%want, 'one partition for each key');
};

done_testing();
