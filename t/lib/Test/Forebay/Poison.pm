# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: a record kills its worker, or cannot be delivered at all.
#
# The harm is done by t/preload/poison.c, which watches what the log sink
# writes and what goes to a broker; files in a directory say which harm, and
# can come and go.
package Test::Forebay::Poison;

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# The daemon, not started yet; the record at that place ("1:100") does harm
# when it is delivered.
sub poisoned
{
	my ($b, $topic, $place, %opt) = @_;
	my $dir = scratch();
	# As the log sink writes its end, or as its value begins.
	my $mark = $opt{sink} ? 'v1 ' . join(' ', $topic, split /:/, $place)
	    . ' ' : " ID - $topic:$place\n";
	my $f = Test::Forebay->new(broker => $b, topic => $topic, %opt,
	    env => {
		LD_PRELOAD => build_dir() . '/t/preload/poison.so',
		FOREBAY_POISON_MARK => $mark,
		FOREBAY_POISON_DIR => "$dir",
		# It is not the first library then, and need not be.
		ASAN_OPTIONS => join(':', $ENV{ASAN_OPTIONS} // (),
		    'verify_asan_link_order=0'),
	    });

	$f->{poison} = $dir;
	return $f;
}

sub harm { return spew("$_[0]{poison}/$_[1]", '') }
sub no_harm { return unlink("$_[0]{poison}/$_[1]") }

sub part { return $_[0]->partitions->{$_[1]} // {} }

# A worker for suspects; undef if there is none.
sub isolation_worker
{
	my ($f) = @_;
	my ($isolated) = grep { $_->{isolation} && $_->{pid} } $f->workers;

	return $isolated;
}

# Acked offsets of all partitions but one go up.
sub others_move
{
	my ($f, $but, $what) = @_;
	my $before = $f->partitions;

	delete $before->{$but};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my $now = $f->partitions;

		return !grep { $now->{$_}{state} ne 'HELD' ||
		    $now->{$_}{acked} <= $before->{$_}{acked} }
		    keys %$before;
	} $what;
}

# All was delivered but for so many records.
sub all_but
{
	my ($b, $lost, %opt) = @_;
	my $v = $b->verify(%opt);
	my $fine = 1;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$fine &= is($v->{lost}, $lost, "all but $lost are delivered");
	$fine &= is($v->{$_}, 0, "$_ 0") for qw(corrupt reordered foreign early);
	diag($v->{text}) unless $fine;
	return $v;
}

sub outcomes_ok
{
	my ($f) = @_;
	my @wrong;

	for my $p (values %{$f->partitions}) {
		my $sum = 0;

		$sum += $p->{$_} for qw(delivered fallback dead_lettered
		    dropped returned held);
		push @wrong, "$p->{partition}: $p->{read} read, $sum known"
		    if $sum != $p->{read} || $p->{held} < 0;
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is("@wrong", '', 'the outcomes add up to what was read');
}

body held_back => 'without a dead-letter topic the partition is held back', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = poisoned($b, $topic, '1:100', workers => 2);
	my $bad = "$topic/1";

	harm($f, 'die');
	$f->start_ready(4);
	my $p = $b->producer($topic, rate => 1000);

	is_soon { $f->log_text =~ /\Q$bad\E: its worker has died again.*one at a time/ }
	    'it is suspected';
	# Whoever is there now is not killed by it any more.
	my @pids;

	is_soon {
		@pids = map { $_->{pid} } grep { !$_->{isolation} } $f->workers;
		return 2 == grep { $_ } @pids;
	} 'both workers are back';
	others_move($f, $bad, 'the others go on meanwhile');
	is_soon { (part($f, $bad)->{state} // '') eq 'QUARANTINED' } 'held back', 60;
	is_deeply([map { $_->{pid} } grep { !$_->{isolation} } $f->workers],
	    \@pids, 'only its isolation worker has died of it since');
	is_soon { !isolation_worker($f) } 'the isolation worker is not needed any more';
	is(part($f, $bad)->{acked}, 100, 'at the record itself');
	is(part($f, $bad)->{held_back_at}, 100, 'status has it');
	is_soon { ($b->offsets($f->{group}, $topic)->[1]{committed} // -1)
	    == 100 } 'what was acked before it is committed';
	others_move($f, $bad, 'the others still go on');

	my @said = grep { $_->{what} eq 'poison' } @{$f->status->{alarms}};

	like($said[0]{text}, qr/^\Q$bad\E is held back at offset 100: the record has killed its worker 3 times; `forebay skip \Q$bad\E\@100` goes on without it$/,
	    'the alarm');
	like(($f->cli('status'))[1], qr/^ALARM, poison: \Q$bad\E is/m,
	    'status as text');
	like($f->log_text, qr/ error .*\Q$bad\E: the record at offset 100 has killed its worker 3 times; the partition is held back/,
	    'the log');
	is($f->metric('forebay_partition_quarantined', partition => $_),
	    $_ == 1 ? 1 : 0, "metric of $_") for 0 .. 3;
	is($f->metric('forebay_quarantined_total'), 1, 'counted');
	is($f->metric('forebay_trouble', trouble => 'poison'), 1, 'an alarm');
	is(($f->http('/readyz'))[0], 204, 'but ready');

	for (["$bad\@99", qr/is held back at offset 100, only that one/],
	    ["$bad\@101", qr/is held back at offset 100, only that one/],
	    ["$topic/9\@100", qr/is not assigned to this host/],
	    ["nowhere/1\@100", qr/is not assigned to this host/],
	    ["$topic/0\@999999999", qr/has acked all before offset \d+, only/],
	    [$bad, qr/^which record\?/]) {
		my ($status, $out, $err) = $f->cli('skip', $_->[0]);

		is($status, 1, "skip $_->[0]: refused");
		like($err, $_->[1], 'with a sentence');
	}
	is(part($f, $bad)->{acked}, 100, 'nothing has changed');
	outcomes_ok($f);

	my ($status, $out) = $f->cli('skip', "$bad\@100");

	is($status, 0, 'skip');
	like($out, qr/: skipped the record at offset 100; it goes on at 101$/,
	    'it says so');
	is_soon { part($f, $bad)->{acked} > 200 } 'it goes on';
	like($f->log_text, qr/notice .*\Q$bad\E: the record at offset 100 was skipped by hand \(uid $>, pid \d+\)/,
	    'on the record');
	is($f->metric('forebay_skipped_total'), 1, 'counted');
	is(part($f, $bad)->{dropped}, 1, 'as dropped');
	is_deeply($f->status->{alarms}, [], 'no trouble any more');
	like($f->log_text, qr/notice .*poison: over/, 'the log says that, too');
	$p->close;
	$f->await_caught_up;
	outcomes_ok($f);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	all_but($b, 1, topic => $topic, logs => [$f->{out}]);
};

# What kcat prints of one record: its value and its headers.
sub one_record
{
	my ($b, $topic, @where) = @_;
	my $text = run_ok(['kcat', '-C', '-q', '-b', $b->bootstrap, '-t',
	    $topic, '-e', '-J', @where]);
	my @records = map { JSON::PP::decode_json($_) } split /\n/, $text;

	return @records;
}

body dead_letter => 'with a dead-letter topic the record goes there', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $letters = $b->topic(1, output => 1);
	# One worker is enough: the isolation worker is another.
	my $f = poisoned($b, $topic, '2:150', workers => 1,
	    host => { deadLetter => { topic => $letters } });
	my $bad = "$topic/2";

	harm($f, 'die');
	$f->start_ready(4);
	my $p = $b->producer($topic, rate => 1000);

	is_soon { isolation_worker($f) } 'it is suspected';
	others_move($f, $bad, 'the others go on meanwhile');
	is_soon { (part($f, $bad)->{acked} // 0) > 300 } 'it goes on', 60;
	is(part($f, $bad)->{dead_lettered}, 1, 'counted');
	like($f->log_text, qr/ error .*\Q$bad\E: the record at offset 150 has killed its worker 3 times; it goes to the dead-letter topic/,
	    'the log');
	is($f->status->{counters}{quarantined}, 0, 'nothing is held back');
	is_deeply($f->status->{alarms}, [], 'no alarm');
	is_soon { !isolation_worker($f) } 'and suspected no longer';
	others_move($f, $bad, 'the others still go on');
	$p->close;
	$f->await_caught_up;
	outcomes_ok($f);
	is($f->outcomes->{dead_lettered}, 1, 'this one only');
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	all_but($b, 1, topic => $topic, logs => [$f->{out}]);

	my @letters = one_record($b, $letters);
	my ($source) = one_record($b, $topic, '-p', 2, '-o', 150, '-c', 1);
	my %headers = @{$letters[0]{headers} // []};

	is(scalar @letters, 1, 'one dead letter');
	is($letters[0]{payload}, $source->{payload}, 'with its value');
	is($letters[0]{key}, $source->{key}, 'its key');
	is($headers{'forebay.source.topic'}, $topic, 'its topic');
	is($headers{'forebay.source.partition'}, 2, 'its partition');
	is($headers{'forebay.source.offset'}, 150, 'its offset');
	is($headers{'forebay.attempts'}, 3, 'how often it was tried');
	like($headers{'forebay.reason'}, qr/killed its worker/,
	    'and the reason');
};

body kills_from_outside => 'kill -9 in isolation condemns nobody', sub {
	my ($b) = @_;
	my $topic = $b->topic(3);
	my $f = poisoned($b, $topic, '0:0', host => {
		poisonPill => { kills => 1 }, workerTimeout => '60s' });
	my $p = $b->producer($topic, rate => 300);

	# Twice it kills, by itself; then it only takes its time.
	harm($f, $_) for qw(hang die.1 die.2);
	wait_until { $p->acked > 300 } 'there are records';
	$f->start_only;
	for my $round (1 .. 4) {
		my $isolated;

		is_soon {
			my $part = part($f, "$topic/0");

			($isolated) = grep { $_->{isolation} && $_->{pid} &&
			    $_->{slot} == ($part->{holder} // -1) }
			    $f->workers;
			return $isolated && $part->{isolated} &&
			    $part->{in_flight};
		} "round $round: it is alone with its record", 60;
		others_move($f, "$topic/0", 'the others go on') if $round == 1;
		kill('KILL', $isolated->{pid}) if $isolated;
		is_soon { !$isolated || !pid_alive($isolated->{pid}) } 'killed';
	}
	no_harm($f, 'hang');
	is_soon { part($f, "$topic/0")->{acked} > 0 } 'it gets through', 60;
	unlike($f->log_text, qr/has killed its worker/, 'nobody is to blame');
	is($f->status->{counters}{quarantined}, 0, 'nothing is held back');
	is_soon {
		my $part = part($f, "$topic/0");

		return $part->{state} eq 'HELD' && !$part->{isolated};
	} 'and suspected no longer';
	$p->close;
	$f->await_caught_up;
	outcomes_ok($f);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	# Two deaths, each with what the worker had in flight.
	all_but($b, 0, topic => $topic, logs => [$f->{out}]);
};

body hangs => 'a record that hangs its worker is a poison pill, too', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my $f = poisoned($b, $topic, '1:0', host => {
		poisonPill => { kills => 1 }, workerTimeout => '1s' });

	harm($f, 'hang');
	$b->produce($topic, 200);
	$f->start;
	is_soon { (part($f, "$topic/1")->{state} // '') eq 'QUARANTINED' }
	    'held back', 60;
	cmp_ok($f->status->{counters}{hangs}, '>=', 3, 'by the watchdog');
	is_soon { part($f, "$topic/0")->{acked} == 100 }
	    'the other one is done';
	outcomes_ok($f);
	$f->drain;
	# The next master knows nothing of it, and the record does no harm now.
	no_harm($f, 'hang');
	$f->start;
	$f->await_caught_up;
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	all_but($b, 0, topic => $topic, logs => [$f->{out}]);
};

# Records of all partitions are in flight when the sink's thread dies of one,
# so all of them are under suspicion; one is guilty.
body in_company => 'of many in flight the guilty one is found', sub {
	my ($b) = @_;
	my $topic = $b->topic(6);
	my $copy = $b->topic(6, output => 1);
	my $f = poisoned($b, $topic, '3:20', workers => 1,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap],
		topic => $copy } });

	harm($f, 'die');
	$b->produce($topic, 600);
	$f->start;
	is_soon { (part($f, "$topic/3")->{state} // '') eq 'QUARANTINED' }
	    'held back', 120;
	is(part($f, "$topic/3")->{held_back_at}, 20, 'at the guilty record');
	my %suspects = map { $_ => 1 }
	    $f->log_text =~ /partition (\S+): its worker has died again/g;
	my %killers = map { $_ => 1 } $f->log_text =~
	    /partition (\S+): the record at offset \d+ has killed/g;

	note(scalar(keys %suspects) . ' were under suspicion');
	is_deeply([keys %killers], ["$topic/3"], 'one was found guilty');
	is_soon {
		my $parts = $f->partitions;

		return !grep { $_->{partition} != 3 && $_->{acked} != 100 }
		    values %$parts;
	} 'all others are done', 120;
	is(($f->cli('skip', "$topic/3\@20"))[0], 0, 'skipped');
	$f->await_caught_up;
	outcomes_ok($f);
	$f->drain;
	all_but($b, 1, topic => $topic, from => $copy);
};

body incurable => 'a record that kills on its way to the dead-letter topic', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $letters = $b->topic(1, output => 1);
	my $f = poisoned($b, $topic, '1:5',
	    host => { deadLetter => { topic => $letters },
		poisonPill => { kills => 1 } },
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap],
		topic => $copy } });

	harm($f, 'die');
	$b->produce($topic, 40);
	$f->start;
	is_soon { (part($f, "$topic/1")->{state} // '') eq 'QUARANTINED' }
	    'held back', 60;
	like($f->log_text, qr/it goes to the dead-letter topic$/m,
	    'after it was sent there');
	like($f->log_text, qr/has killed its worker 2 times, the last time on its way to the dead-letter topic; the partition is held back/,
	    'the log says so');
	is(($f->cli('skip', "$topic/1\@5"))[0], 0, 'skipped');
	$f->await_caught_up;
	outcomes_ok($f);
	$f->drain;
	all_but($b, 1, topic => $topic, from => $copy);
};

# Held up, not held back: the sink will never take it.
body refused => 'a record that the sink refuses for ever is skipped', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap],
		topic => $copy, config => "message.max.bytes: 2000\n" } });

	$b->produce($topic, 100, only => 0);
	$b->produce($topic, 1, only => 0, size => 5000);
	$b->produce($topic, 100, only => 0);
	$b->produce($topic, 100, only => 1);
	$f->start;
	is_soon {
		my $part = part($f, "$topic/0");

		return ($part->{acked} // -1) == 100 && $part->{in_flight};
	} 'it is held up';
	is_soon { part($f, "$topic/1")->{acked} == 100 } 'the other is not';
	my ($status, undef, $err) = $f->cli('skip', "$topic/0\@101");

	is($status, 1, 'not that one');
	like($err, qr/has acked all before offset 100, only that one/,
	    'but this');
	my $out;

	($status, $out) = $f->cli('skip', "$topic/0\@100");
	is($status, 0, 'skip');
	like($out, qr/it goes on at 101/, 'with a result');
	$f->await_caught_up;
	outcomes_ok($f);
	is(part($f, "$topic/0")->{dropped}, 1, 'counted as dropped');
	is(part($f, "$topic/0")->{delivered}, 200, 'all others as delivered');
	$f->drain;
	all_but($b, 1, topic => $topic, from => $copy);
};

1;
