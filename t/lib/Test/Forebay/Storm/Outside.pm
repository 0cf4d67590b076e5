# SPDX-License-Identifier: Apache-2.0
#
# What others do to a host in a storm: a member of its group with another
# topic, records from the future, a log that is trimmed, a disk that is full,
# HTTP clients that take their time.
package Test::Forebay::Storm::Outside;

use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(min);
use Test::More;

use Test::Forebay::Util;

my $CLIENTS = 40;		# more than are let in
my $STEP = 40_000;		# bytes: less than is written in a tenth of a second
my $FAR = 100_000_000_000_000;	# the year 5138, in milliseconds

# ---- the group and its topics --------------------------------------------

# kcat joins with a topic that is not ours, and leaves again.
sub join_group
{
	my ($storm, $secs) = @_;
	my $dir = scratch();

	$storm->{other} //= $storm->{broker}->topic(4, output => 1);
	my $pid = spawn(['kcat', '-q', '-b', $storm->{broker}->bootstrap,
	    '-X', 'session.timeout.ms=6000', '-G', $storm->{group},
	    $storm->{other}], out => "$dir/out", err => "$dir/err");

	$storm->later($secs, sub {
		kill_pid($pid, 'TERM');
		$storm->tell('the other member leaves');
		undef $dir;
	});
	return;
}

# Up to what the group has committed everywhere, so that nothing is lost.
sub trim
{
	my ($storm, $i) = @_;
	my $topic = $storm->{topics}[$i];
	my $rows = $storm->{broker}->offsets($storm->{group}, $topic)
	    or return 'the broker does not answer';
	my $to = min(map { $_->{committed} } @$rows);

	return 'nothing is committed everywhere' if $to <= 0;
	my ($status, undef, $err) = $storm->{broker}->tool('topic', 'trim',
	    $topic, $to);

	return $status ? "the broker refuses: $err" : undef;
}

# A topic for records from the future: no watermark may follow them.
sub clock_topic
{
	my ($b) = @_;

	return $b->topic(1, settings => [
	    "message.timestamp.after.max.ms=9223372036854775807"]);
}

sub produce_far
{
	my ($storm) = @_;

	return 'the ones before are not through' if $storm->{far};
	$storm->{far} = 1;
	my @cmd = $storm->{broker}->produce_command($storm->{clock},
	    records => 5, event_time => $FAR,
	    set => { 'message.timeout.ms' => 0 });

	$storm->job('records from the future', \@cmd, sub {
		my ($status, undef, $err) = @_;

		$storm->{far} = 0;
		return $status ? "exit status $status: $err" : undef;
	}, within => 300);
	return;
}

# ---- a disk --------------------------------------------------------------

# The host's output lies on a disk of its own that can be filled.
sub add_disk
{
	my ($dir) = @_;

	mkdir("$dir/disk") or die "$dir/disk: $!\n";
	run_ok(['mount', '-t', 'tmpfs', '-o', 'size=2g,mode=700', 'forebay',
	    "$dir/disk"]);
	return "$dir/disk";
}

sub remove_disk { return run(['umount', '-l', $_[0]]) }

sub can_mount
{
	my $dir = scratch();

	return 0 if $>;
	my ($status) = run(['mount', '-t', 'tmpfs', 'forebay', "$dir"]);

	remove_disk("$dir") if $status == 0;
	return $status == 0;
}

# Not a byte is free; undef, or why not.
sub fill_up
{
	my ($filler) = @_;

	open(my $fh, '>', $filler) or return "$filler: $!";
	my $block = "\0" x 1_048_576;

	1 while (syswrite($fh, $block) // 0) > 0;
	close($fh);
	return;
}

# Until what is returned is called; or why not.
sub occupy_disk
{
	my ($h) = @_;
	my $filler = "$h->{disk}/occupied";
	my $why = fill_up($filler);

	return $why // sub { return unlink($filler) };
}

# Not a byte is free; then some more in each step, and at last all.
sub fill_disk
{
	my ($storm, $h, $secs) = @_;
	my $filler = "$h->{disk}/filler";
	my $steps = 5;
	my $why = fill_up($filler);

	return $why if $why;
	my $size = -s $filler;

	for my $n (1 .. $steps) {
		$storm->later($secs * $n / ($steps + 1), sub {
			truncate($filler, $size - $n * $STEP);
		});
	}
	$storm->later($secs, sub {
		unlink($filler);
		$storm->tell('host %s has room again', $h->{name});
	});
	return;
}

# ---- HTTP ----------------------------------------------------------------

# Half a request from each, and nothing is read.
sub slow_clients
{
	my ($storm, $h, $secs) = @_;
	my $address = ($h->{f}->status // {})->{http}
	    or return 'it does not say where it listens';
	my @clients;

	for (1 .. $CLIENTS) {
		my $c = IO::Socket::INET->new(PeerAddr => $address,
		    Proto => 'tcp', Timeout => 1) or last;

		syswrite($c, "GET /metrics HTTP/1.1\r\nHost: $address\r\n");
		push @clients, $c;
	}
	return 'nobody is let in' unless @clients;
	$storm->later($secs, sub { @clients = () });
	return;
}

1;
