# SPDX-License-Identifier: Apache-2.0
#
# The ledger of a host, read from its file by the byte map of shared/README:
# quick enough to be read twenty times a second, and there also when the
# master is not.
package Test::Forebay::Storm::Ledger;

use strict;
use warnings;

my $MAGIC = 0x73796266;
my $ABI = 4;
my $ROW = 256;
my @STATES = qw(FREE RESOLVING IDLE HELD REVOKING RELEASED QUARANTINED);

# By "topic/partition": { state, slot, committed, acked, in_flight }; undef if
# there is no ledger, or one that is being made.
sub rows
{
	my ($path) = @_;
	my (%rows, $data);

	open(my $fh, '<:raw', $path) or return undef;
	my $size = -s $fh;

	return undef unless $size && sysread($fh, $data, $size) == $size &&
	    $size >= 64;
	my ($magic, $abi, undef, undef, undef, $nrows, undef, $rows_off,
	    $names_off) = unpack('L S S Q L L L L L', $data);

	return undef unless $magic == $MAGIC;
	die "$path: ABI $abi; this is written for $ABI\n" if $abi != $ABI;
	for (my $i = 0; $i < $nrows; $i++) {
		my $at = $rows_off + $i * $ROW;
		my ($slot, $state, $topic_off, $partition, $committed) =
		    unpack('L L L l q', substr($data, $at + 8, 24));

		next unless $topic_off;
		my ($acked, undef, $position) = unpack('q q q',
		    substr($data, $at + 64, 24));
		next if $names_off + $topic_off >= $size;
		my $topic = unpack('Z*', substr($data,
		    $names_off + $topic_off, 250));

		# Others may write over it: see scribble().
		next unless $state < @STATES && $topic =~ /^[\w.-]+$/ &&
		    $partition >= 0 && $partition < 100_000;
		$rows{"$topic/$partition"} = { state => $STATES[$state],
			slot => $slot, committed => $committed,
			acked => $acked, position => $position };
	}
	return \%rows;
}

# Random bytes over all that is the master's: the head, names, and the first line
# of each row and slot.  What only the holders can say is left alone.  Where
# things are is learnt when the head can be read, and remembered.
my %places;

sub scribble
{
	my ($path) = @_;

	open(my $fh, '+<:raw', $path) or return "$path: $!";
	sysread($fh, my $head, 64);
	my ($magic, $abi, undef, undef, $nslots, undef, $slots_off, $rows_off,
	    $names_off, undef, undef, undef, $names_used) =
	    unpack('L S S Q L9', $head);

	$places{$path} //= [$nslots, $slots_off, $rows_off, $names_off,
	    $names_used, scalar keys %{rows($path) // {}}]
	    if $magic == $MAGIC && $abi == $ABI;
	my $at = $places{$path} or return 'its head cannot be read';

	($nslots, $slots_off, $rows_off, $names_off, $names_used, my $n) = @$at;
	my $slot = ($rows_off - $slots_off) / $nslots;
	my $put = sub {
		sysseek($fh, $_[0], 0);
		syswrite($fh, join('', map { chr int rand 256 } 1 .. $_[1]));
	};

	$put->(0, 64);
	$put->($names_off, $names_used);
	$put->($rows_off + $_ * $ROW, 64) for 0 .. $n - 1;
	$put->($slots_off + $_ * $slot, 64) for 0 .. 3;
	return;
}

# Records that are acked and not committed: what another host would repeat if
# this one were gone.
sub uncommitted
{
	my ($path) = @_;
	my $rows = rows($path) // return 0;
	my $sum = 0;

	for (values %$rows) {
		next if $_->{state} eq 'FREE' || $_->{state} eq 'RESOLVING';
		next if $_->{acked} < 0;
		my $from = $_->{committed} < 0 ? 0 : $_->{committed};

		$sum += $_->{acked} - $from if $_->{acked} > $from;
	}
	return $sum;
}

1;
